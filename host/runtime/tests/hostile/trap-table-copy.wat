;; Copies across the end of a table.
(table $t 4 funcref)
(func $attack
  (table.copy $t $t (i32.const 2) (i32.const 0) (i32.const 3)))
