;; Fills a table over and over.
(table $t 19000 funcref)
(func $attack (local $n i32)
  (loop $next
    (table.fill $t (i32.const 0) (ref.null func) (i32.const 19000))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $n) (i32.const 10000)))))
