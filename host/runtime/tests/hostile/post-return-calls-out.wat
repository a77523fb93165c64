;; Answers, then calls the host when the host has read the answer.
(import "heptad:platform/settings@0.1.0" "get" (func $settings (param i32)))
(global $asked (mut i32) (i32.const 0))
(func $attack (global.set $asked (i32.const 1)))
(func (export "cabi_post_heptad:points/discount@0.1.0#discounts") (param i32)
  (if (global.get $asked) (then (call $settings (i32.const 64)))))
