;; Exports a component where the point's function should be.
(component
  (component $c)
  (instance $d (export "discounts" (component $c)))
  (export "heptad:points/discount@0.1.0" (instance $d))
)
