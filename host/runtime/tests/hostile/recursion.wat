;; Calls itself a hundred thousand times.
(func $deeper (param i32) (result i32)
  (if (result i32) (local.get 0)
    (then (i32.add (local.get 0) (call $deeper (i32.sub (local.get 0) (i32.const 1)))))
    (else (i32.const 0))))
(func $attack (drop (call $deeper (i32.const 100000))))
