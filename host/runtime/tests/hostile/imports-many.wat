;; Imports the log five hundred times, by as many patch versions.
(component
  ;; repeat 500: (import "heptad:platform/settings@0.1.$n" (instance (export "get" (func (result string)))))
)
