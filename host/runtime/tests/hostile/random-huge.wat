;; Asks for four billion random bytes.
(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))
(func $attack
  (call $random (i64.const 0x100000000) (i32.const 64)))
