;; Gives the host a text of two billion bytes.
(import "heptad:platform/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $attack
  (call $log (i32.const 1) (i32.const 0) (i32.const 0x7fffffff)))
