;; Calls itself a hundred thousand times through a table.
(type $step (func (param i32) (result i32)))
(table 1 funcref)
(elem (i32.const 0) $deeper)
(func $deeper (type $step)
  (if (result i32) (local.get 0)
    (then (i32.add (local.get 0) (call_indirect (type $step) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))))
    (else (i32.const 0))))
(func $attack (drop (call_indirect (type $step) (i32.const 100000) (i32.const 0))))
