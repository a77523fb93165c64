;; Traps before anything was asked.
(start $begin)
(func $attack)
(func $begin unreachable)
