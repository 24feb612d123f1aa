add_exercise(03_row_parallel_gemm 1_bias_once RANKS 1 2 3 4)
add_exercise(03_row_parallel_gemm 2_backward RANKS 1 2 3 4 USES 03_row_parallel_gemm)
add_exercise(03_row_parallel_gemm 3_what_commutes RANKS 1 2 3 4 USES 03_row_parallel_gemm)
