;; Puts each of two thousand types into the next.
(component
  (type $t0 (list u8))
  ;; repeat 2000: (type $t$n (list $t$m))
)
