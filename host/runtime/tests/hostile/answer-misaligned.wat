;; Answers with a pointer that is not aligned.
(func $answer (result i32) (i32.const 17))
