;; Computes for a quarter of a billion steps.
(func $attack (local $n i32)
  (local.set $n (i32.const 0x10000000))
  (loop $next
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (br_if $next (local.get $n))))
