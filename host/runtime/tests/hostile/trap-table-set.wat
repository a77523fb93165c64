;; Writes behind the end of a table.
(table $t 4 funcref)
(func $attack
  (table.set $t (i32.const 4) (ref.null func)))
