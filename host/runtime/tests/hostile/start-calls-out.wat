;; Calls the host before anything was asked.
(import "heptad:platform/settings@0.1.0" "get" (func $settings (param i32)))
(start $begin)
(func $attack)
(func $begin (call $settings (i32.const 64)))
