;; Takes ten thousand handles and gives none back.
(import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
(func $attack (local $n i32)
  (loop $next
    (drop (call $stdout))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 10000)))))
