;; Imports five hundred functions of an interface that has two.
(component
  (import "heptad:platform/kv-write@0.1.0" (instance
    ;; repeat 500: (export "set$n" (func (result string)))
  ))
)
