;; Takes more memory than there is before anything was asked.
(start $begin)
(func $attack)
(func $begin (if (i32.eq (memory.grow (i32.const 2000)) (i32.const -1)) (then unreachable)))
