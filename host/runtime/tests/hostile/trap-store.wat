;; Writes behind the end of its memory, as far as an offset reaches.
(func $attack
  (i64.store offset=4294967288 (i32.const -8) (i64.const -1)))
