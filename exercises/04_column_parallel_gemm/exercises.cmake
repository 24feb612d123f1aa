add_exercise(04_column_parallel_gemm 1_backward_all_reduce RANKS 1 2 3 4
             USES 04_column_parallel_gemm)
add_exercise(04_column_parallel_gemm 2_uneven_columns RANKS 1 2 3 4 USES 04_column_parallel_gemm)
add_exercise(04_column_parallel_gemm 3_overlap RANKS 1 2 3 4 USES 04_column_parallel_gemm)
add_exercise(04_column_parallel_gemm 4_find_the_faults RANKS 1 2 3 4 USES 04_column_parallel_gemm)
