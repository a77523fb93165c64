;; Goes on reading from a cursor that holds no text.
(import "heptad:mall/catalog@0.1.0" "sku-list" (func $list (param i32 i32 i32 i32 i32)))
(data (i32.const 0x1000) "fffe")
(func $attack
  (call $list (i32.const 1) (i32.const 0x1000) (i32.const 4) (i32.const 10) (i32.const 64))
  ;; Goes on only when the host refuses the page as `invalid`: the result's case 1, and the kind 2.
  (if (i32.ne (i32.load8_u (i32.const 64)) (i32.const 1)) (then unreachable))
  (if (i32.ne (i32.load8_u (i32.const 68)) (i32.const 2)) (then unreachable)))
