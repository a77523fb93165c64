;; Writes two hundred entries of 60 KB that share their bytes, and does not go on when that is allowed.
(import "heptad:platform/kv-write@0.1.0" "set" (func $set (param i32 i32 i32)))
(func $attack (local $at i32)
  (local.set $at (i32.const 0x1000))
  (loop $next
    (i32.store (local.get $at) (i32.const 0x400)) (i32.store offset=4 (local.get $at) (i32.const 1))
    (i32.store offset=8 (local.get $at) (i32.const 0x8000)) (i32.store offset=12 (local.get $at) (i32.const 60000))
    (local.set $at (i32.add (local.get $at) (i32.const 16)))
    (br_if $next (i32.lt_u (local.get $at) (i32.const 0x1c80))))
  (call $set (i32.const 0x1000) (i32.const 200) (i32.const 64))
  (if (i32.eqz (i32.load8_u (i32.const 64))) (then unreachable)))
