add_exercise(05_parallel_mlp 1_one_all_reduce RANKS 1 2 3 4)
add_exercise(05_parallel_mlp 2_gated_mlp RANKS 1 2 3 4)
