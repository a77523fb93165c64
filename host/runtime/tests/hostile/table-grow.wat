;; Grows a table beyond what a slot holds, and does not go on without it.
(table $t 10 funcref)
(func $attack
  (if (i32.eq (table.grow $t (ref.null func) (i32.const 30000)) (i32.const -1)) (then unreachable)))
