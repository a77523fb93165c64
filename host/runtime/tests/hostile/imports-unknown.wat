;; Imports five hundred interfaces that the host does not have.
(component
  ;; repeat 500: (import "evil:everything/part$n@0.1.0" (instance (export "take" (func))))
)
