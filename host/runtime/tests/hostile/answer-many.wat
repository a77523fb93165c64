;; Answers with 1,001 operations.
(func $answer (result i32) 
  (memory.fill (i32.const 0x2000) (i32.const 0) (i32.const 24024))
  (i32.store (i32.const 20) (i32.const 8192))
  (i32.store (i32.const 24) (i32.const 1001))
  (i32.const 16))
