;; Imports a function of the host by another type.
(component
  (import "heptad:platform/settings@0.1.0" (instance (export "get" (func (param "at" u32) (result u32)))))
)
