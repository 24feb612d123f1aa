add_chapter(USES 01_gemm)
chapter_test(ARGUMENTS --check-collectives)
