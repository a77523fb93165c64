;; Is born with 32 MiB of memory.
(memory (export "memory") 512)
(func $attack)
