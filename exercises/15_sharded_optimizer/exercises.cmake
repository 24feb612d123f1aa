add_exercise(15_sharded_optimizer 1_who_owns_what RANKS 1
             WITHOUT chapters/15_sharded_optimizer/flat_bucket.h)
add_exercise(15_sharded_optimizer 2_norm_of_shards RANKS 1 2 3 4
             WITHOUT chapters/15_sharded_optimizer/shard_norm.h)
add_exercise(15_sharded_optimizer 3_accumulate_into_shards RANKS 1 2 3 4
             WITHOUT chapters/15_sharded_optimizer/gradient_shards.h)
