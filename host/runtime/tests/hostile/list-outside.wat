;; Gives the host a list that lies outside its memory.
(import "heptad:platform/kv@0.1.0" "get" (func $get (param i32 i32 i32)))
(func $attack 
  (call $get (i32.const 0xfffffff0) (i32.const 4) (i32.const 64)))
