;; Gives the host a text that ends behind its memory.
(import "heptad:platform/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $attack
  (call $log (i32.const 1) (i32.const 0x1fff0) (i32.const 64)))
