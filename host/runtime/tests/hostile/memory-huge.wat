;; Is born with more memory than a slot has.
(memory (export "memory") 1025)
(func $attack)
