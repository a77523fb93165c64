;; Measures how long a million steps take, and goes on only if the clock stands still.
(import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
(func $attack (local $n i32) (local $t i64)
  (local.set $t (call $now))
  (local.set $n (i32.const 1000000))
  (loop $next
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (br_if $next (local.get $n)))
  (if (i64.ne (local.get $t) (call $now)) (then unreachable)))
