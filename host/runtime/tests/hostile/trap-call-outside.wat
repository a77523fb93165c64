;; Calls what lies behind the end of a table.
(type $f (func))
(table 4 funcref)
(func $attack
  (call_indirect (type $f) (i32.const 4)))
