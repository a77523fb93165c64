;; Writes a hundred times 4,000 bytes to its standard output.
(import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
(func $attack (local $n i32) (local $h i32)
  (local.set $h (call $stdout))
  (memory.fill (i32.const 0x1000) (i32.const 120) (i32.const 4000))
  (loop $next
    (call $write (local.get $h) (i32.const 0x1000) (i32.const 4000) (i32.const 64))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 100)))))
