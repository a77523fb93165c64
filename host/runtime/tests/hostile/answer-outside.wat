;; Answers with a pointer that is outside its memory.
(func $answer (result i32) (i32.const 0xfffffff0))
