;; Calls the host while the host asks for memory.
(import "heptad:platform/settings@0.1.0" "get" (func $settings (param i32)))
(func $attack)
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (if (i32.ge_u (local.get 3) (i32.const 32)) (then (call $settings (i32.const 64))))
  (i32.const 4096))
