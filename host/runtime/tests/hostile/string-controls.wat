;; Writes zero bytes, escapes of a terminal and a line break to its log.
(import "heptad:platform/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(data (i32.const 0x1000) "\00\1b[2J\1b]0;owned\07\0aerror: fake\0d")
(func $attack
  (call $log (i32.const 3) (i32.const 0x1000) (i32.const 24)))
