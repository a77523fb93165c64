;; Answers with a list whose length times its size overflows.
(func $answer (result i32) 
  
  (i32.store (i32.const 20) (i32.const 1024))
  (i32.store (i32.const 24) (i32.const 178956971))
  (i32.const 16))
