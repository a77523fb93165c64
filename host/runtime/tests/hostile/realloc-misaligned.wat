;; Gives the host memory that is not aligned.
(func $attack)
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (i32.ge_u (local.get 3) (i32.const 32)) (then (return (i32.const 4099))))
  (i32.const 4096))
