;; Exports the point's function by another type.
(component
  (core module $m (func (export "f")))
  (core instance $i (instantiate $m))
  (func $f (canon lift (core func $i "f")))
  (instance $d (export "discounts" (func $f)))
  (export "heptad:points/discount@0.1.0" (instance $d))
)
