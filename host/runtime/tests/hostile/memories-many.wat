;; Has three memories.
(memory (export "memory") 2)
(memory 1)
(memory 1)
(func $attack)
