;; Stops at an instruction that is never reached.
(func $attack
  unreachable)
