;; Writes two hundred lines of 4,000 bytes to its log.
(import "heptad:platform/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $attack (local $n i32)
  (memory.fill (i32.const 0x1000) (i32.const 120) (i32.const 4000))
  (loop $next
    (call $log (i32.const 1) (i32.const 0x1000) (i32.const 4000))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 190)))))
