;; Calls a function as if it were of another type.
(type $f (func (param i64) (result i64)))
(table 1 funcref)
(elem (i32.const 0) $attack)
(func $attack (drop (call_indirect (type $f) (i64.const 0) (i32.const 0))))
