;; Answers, then computes for long when the host has read the answer.
(func $attack)
(func (export "cabi_post_heptad:points/discount@0.1.0#discounts") (param i32) (local $n i32)
  (local.set $n (i32.const 0x10000000))
  (loop $next
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (br_if $next (local.get $n))))
