;; Takes 32 MiB of memory step by step, and does not go on without it.
(func $attack 
  (loop $next
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
    (br_if $next (i32.lt_u (memory.size) (i32.const 512)))))
