;; Computes for long whenever the host asks it for memory.
(func $attack)
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $n i32)
  (local.set $n (i32.const 0x4000000))
  (loop $next
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (br_if $next (local.get $n)))
  (i32.const 4096))
