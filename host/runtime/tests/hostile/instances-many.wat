;; Makes a thousand instances of a module.
(component
  (core module $empty)
  ;; repeat 1000: (core instance (instantiate $empty))
  (core module $f (func (export "f")))
  (core instance $i (instantiate $f))
)
