;; Imports a core module from the host.
(component (import "take" (core module)))
