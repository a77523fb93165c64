;; Copies four MiB over and over, one uninterruptible operation at a time.
(memory (export "memory") 130)
(func $attack (local $n i32)
  (loop $next
    (memory.copy (i32.const 65536) (i32.const 0x400000) (i32.const 0x400000))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 40)))))
