add_exercise(01_gemm 1_blocked_gemm RANKS 1 USES 01_gemm)
add_exercise(01_gemm 2_column_major RANKS 1 USES 01_gemm)
add_exercise(01_gemm 3_tiled_kernel RANKS 1 USES 01_gemm)
