add_exercise(03_row_parallel_gemm 1_bias_once RANKS 1 2 3 4)
