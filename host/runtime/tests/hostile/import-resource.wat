;; Imports a resource of its own making from an interface of the host.
(component
  (import "heptad:platform/settings@0.1.0" (instance (export "secret" (type (sub resource))) ))
)
