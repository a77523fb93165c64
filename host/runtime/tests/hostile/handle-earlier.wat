;; Writes to the stream that the call before it was given: the first handle of every call.
(import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
(func $attack
  (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
