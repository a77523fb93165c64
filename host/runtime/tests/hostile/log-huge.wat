;; Writes a line of one MiB to its log.
(import "heptad:platform/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(memory (export "memory") 20)
(func $attack
  (call $log (i32.const 1) (i32.const 65536) (i32.const 1048576)))
