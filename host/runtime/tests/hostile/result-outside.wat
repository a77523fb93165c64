;; Wants the host's answer written outside its memory.
(import "heptad:platform/settings@0.1.0" "get" (func $settings (param i32)))
(func $attack
  (call $settings (i32.const 0xfffffffc)))
