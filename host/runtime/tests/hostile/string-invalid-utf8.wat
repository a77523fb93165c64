;; Gives the host a text that is not UTF-8.
(import "heptad:platform/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(data (i32.const 0x1000) "\c3\28\ff")
(func $attack
  (call $log (i32.const 1) (i32.const 0x1000) (i32.const 3)))
