;; Answers with a list of four billion items.
(func $answer (result i32) 
  
  (i32.store (i32.const 20) (i32.const 1024))
  (i32.store (i32.const 24) (i32.const 4294967295))
  (i32.const 16))
