;; Copies from behind the end of its memory.
(func $attack
  (memory.copy (i32.const 0) (i32.const -4096) (i32.const 8192)))
