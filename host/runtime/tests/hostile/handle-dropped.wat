;; Writes to a stream that it has given back.
(import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.6" "[resource-drop]output-stream" (func $drop (param i32)))
(func $attack (local $h i32)
  (local.set $h (call $stdout)) (call $drop (local.get $h))
  (call $write (local.get $h) (i32.const 0) (i32.const 1) (i32.const 64)))
