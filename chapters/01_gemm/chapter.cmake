add_chapter(RUN_RANKS 1)  # about one device
compute(chapters/01_gemm/column_major.cpp chapters/01_gemm/gemm_ladder.cpp)
chapter_test(ARGUMENTS --check-collectives)
