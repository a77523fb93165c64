;; Answers with an error of its own, with a message of 60 KB.
(func $answer (result i32)
  (i32.store8 (i32.const 16) (i32.const 1))
  (i32.store (i32.const 24) (i32.const 0x400)) (i32.store (i32.const 28) (i32.const 10))
  (i32.store (i32.const 32) (i32.const 0x10000)) (i32.store (i32.const 36) (i32.const 60000))
  (i32.const 16))
