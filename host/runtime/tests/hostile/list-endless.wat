;; Gives the host a list of four billion items.
(import "heptad:platform/kv@0.1.0" "get" (func $get (param i32 i32 i32)))
(func $attack 
  (call $get (i32.const 16) (i32.const -1) (i32.const 64)))
