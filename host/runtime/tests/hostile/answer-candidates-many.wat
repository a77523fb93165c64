;; Answers with an operation of 101 candidates.
(data (i32.const 0x1000) "CNY")
(func $answer (result i32) 
  (i32.store (i32.const 1024) (i32.const 8192)) (i32.store (i32.const 1028) (i32.const 101))
  (i32.store (i32.const 20) (i32.const 1024))
  (i32.store (i32.const 24) (i32.const 1))
  (i32.const 16))
