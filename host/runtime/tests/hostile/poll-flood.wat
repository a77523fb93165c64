;; Polls ten thousand copies of one timer.
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.6" "poll" (func $poll (param i32 i32 i32)))
(func $attack (local $timer i32) (local $n i32)
  (local.set $timer (call $timer (i64.const 1)))
  (loop $next
    (i32.store (i32.add (i32.const 0x1000) (i32.mul (local.get $n) (i32.const 4))) (local.get $timer))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 10000))))
  (global.set $heap (i32.const 0x10000))
  (call $poll (i32.const 0x1000) (i32.const 10000) (i32.const 64)))
