;; Asks for sixty-four KiB of random bytes a hundred times.
(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))
(func $attack (local $n i32)
  (loop $next
    (global.set $heap (i32.const 32768))
    (call $random (i64.const 65536) (i32.const 64))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 100)))))
