add_exercise(12_generation 1_sample_sharded RANKS 1 2 3 4 USES 12_generation)
add_exercise(12_generation 2_cache_by_heads RANKS 1 2 3 4 USES 12_generation)
