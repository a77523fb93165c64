;; Sleeps for a hundred years, and goes on only if no time has passed.
(import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
(func $attack (local $t i64)
  (local.set $t (call $now))
  (call $block (call $timer (i64.const 3153600000000000000)))
  (if (i64.ne (local.get $t) (call $now)) (then unreachable)))
