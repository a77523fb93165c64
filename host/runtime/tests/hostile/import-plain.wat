;; Imports a function by a plain name.
(component (import "take" (func)))
