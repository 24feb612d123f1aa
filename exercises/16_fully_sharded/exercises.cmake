add_exercise(16_fully_sharded 1_when_to_gather RANKS 1)
add_exercise(16_fully_sharded 2_uneven_unit RANKS 1 WITHOUT
             chapters/15_sharded_optimizer/flat_bucket.h)
add_exercise(16_fully_sharded 3_hybrid RANKS 1 2 3 4 6)
