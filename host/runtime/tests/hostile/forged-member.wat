;; Reads the profile of the cart's customer, whoever's shop that is, and does not go on if there is one.
(import "heptad:members/profiles@0.1.0" "get" (func $profiles (param i32 i32 i32)))
(func $attack
  (call $profiles (i32.const 8) (i32.const 1) (i32.const 64))
  (if (i32.load8_u (i32.const 64)) (then (return)))
  (if (i32.load (i32.const 72)) (then unreachable)))
