;; Asks for memory again and again after each refusal.
(func $attack (local $n i32)
  (loop $next
    (drop (memory.grow (i32.const 60000)))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 1000)))))
