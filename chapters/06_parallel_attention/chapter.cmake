add_chapter(USES 03_row_parallel_gemm 04_column_parallel_gemm)
chapter_test(ARGUMENTS --check-collectives --timing-context 128)
