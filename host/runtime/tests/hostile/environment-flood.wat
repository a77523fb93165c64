;; Asks for the environment ten thousand times.
(import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
(func $attack (local $n i32)
  (loop $next
    (call $environment (i32.const 64))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 10000)))))
