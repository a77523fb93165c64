;; Writes twenty lines of 60,000 bytes to its log: each is allowed, all together are not.
(import "heptad:platform/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $attack (local $n i32)
  (memory.fill (i32.const 0x1000) (i32.const 120) (i32.const 60000))
  (loop $next
    (call $log (i32.const 1) (i32.const 0x1000) (i32.const 60000))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 20)))))
