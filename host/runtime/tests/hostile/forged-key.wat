;; Reads a key that the plugin stored in another shop, and does not go on if it is there.
(import "heptad:platform/kv@0.1.0" "get" (func $get (param i32 i32 i32)))
(data (i32.const 0x400) "\00\10\00\00\06\00\00\00")
(data (i32.const 0x1000) "secret")
(func $attack
  (call $get (i32.const 0x400) (i32.const 1) (i32.const 64))
  (if (i32.load8_u (i32.const 64)) (then unreachable))
  (if (i32.load (i32.const 72)) (then unreachable)))
