;; Reads behind the end of its memory.
(func $attack
  (drop (i64.load (i32.const -4))))
