;; Is born with a table larger than a slot.
(table $t 30000 funcref)
(func $attack)
