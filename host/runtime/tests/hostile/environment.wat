;; Looks for arguments, variables and folders of the host, and does not go on if it finds any.
(import "wasi:cli/environment@0.2.6" "get-environment" (func $variables (param i32)))
(import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))
(import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $folders (param i32)))
(func $attack
  (call $variables (i32.const 64)) (call $arguments (i32.const 72)) (call $folders (i32.const 80))
  (if (i32.or (i32.or (i32.load (i32.const 68)) (i32.load (i32.const 76))) (i32.load (i32.const 84))) (then unreachable)))
