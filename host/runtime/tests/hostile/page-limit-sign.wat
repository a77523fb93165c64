;; Asks for a page of 2^31 items.
(import "heptad:mall/catalog@0.1.0" "sku-list" (func $list (param i32 i32 i32 i32 i32)))
(func $attack
  (call $list (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0x80000000) (i32.const 64))
  ;; Goes on only when the host refuses the page as `invalid`: the result's case 1, and the kind 2.
  (if (i32.ne (i32.load8_u (i32.const 64)) (i32.const 1)) (then unreachable))
  (if (i32.ne (i32.load8_u (i32.const 68)) (i32.const 2)) (then unreachable)))
