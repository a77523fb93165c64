;; Fills across the end of its memory.
(func $attack
  (memory.fill (i32.const 131000) (i32.const 1) (i32.const 4096)))
