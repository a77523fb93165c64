;; Answers, then traps when the host has read the answer.
(global $asked (mut i32) (i32.const 0))
(func $attack (global.set $asked (i32.const 1)))
(func (export "cabi_post_heptad:points/discount@0.1.0#discounts") (param i32)
  (if (global.get $asked) (then unreachable)))
