;; Reads behind the end of a table.
(table $t 4 funcref)
(func $attack
  (drop (table.get $t (i32.const -1))))
