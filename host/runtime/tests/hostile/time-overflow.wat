;; Asks what was bought since before the beginning and after the end of time.
(import "heptad:mall/orders@0.1.0" "purchased" (func $purchased (param i32 i32 i32 i32 i64 i32)))
(func $attack
  (call $purchased (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0x8000000000000000) (i32.const 64))
  (if (i32.ne (i32.load8_u (i32.const 64)) (i32.const 1)) (then unreachable))
  (call $purchased (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0x7fffffffffffffff) (i32.const 64))
  (if (i32.ne (i32.load8_u (i32.const 64)) (i32.const 1)) (then unreachable)))
