;; Polls a timer ten thousand times.
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.6" "[method]pollable.ready" (func $ready (param i32) (result i32)))
(func $attack (local $timer i32) (local $n i32)
  (local.set $timer (call $timer (i64.const 1)))
  (loop $next
    (drop (call $ready (local.get $timer)))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 10000)))))
