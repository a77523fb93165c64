;; Copies from a data segment that it dropped.
(data $d "gone")
(func $attack
  (data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4)))
