add_exercise(05_parallel_mlp 1_one_all_reduce RANKS 1 2 3 4)
add_exercise(05_parallel_mlp 2_gated_mlp RANKS 1 2 3 4)
add_exercise(05_parallel_mlp 3_count_costs RANKS 1 2 3 4 USES 05_parallel_mlp)
