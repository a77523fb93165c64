;; Takes 32 MiB of memory at once.
(func $attack
  (if (i32.eq (memory.grow (i32.const 510)) (i32.const -1)) (then unreachable)))
