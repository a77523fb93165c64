;; Calls the host ten thousand times.
(import "heptad:platform/settings@0.1.0" "get" (func $settings (param i32)))
(func $attack (local $n i32)
  (loop $next
    (global.set $heap (i32.const 32768))
    (call $settings (i32.const 64))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 10000)))))
