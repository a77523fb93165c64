;; Computes for long, and calls the host every million steps so that it never looks idle.
(import "heptad:platform/settings@0.1.0" "get" (func $settings (param i32)))
(func $attack (local $n i32) (local $calls i32)
  (loop $outer
    (local.set $n (i32.const 1000000))
    (loop $next
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (call $settings (i32.const 64))
    (local.set $calls (i32.add (local.get $calls) (i32.const 1)))
    (br_if $outer (i32.lt_u (local.get $calls) (i32.const 100)))))
