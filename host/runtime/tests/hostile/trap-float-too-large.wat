;; Makes an integer of a number that is too large.
(func $attack
  (drop (i64.trunc_f64_u (f64.const 1e300))))
