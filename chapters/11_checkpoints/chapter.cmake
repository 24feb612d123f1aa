add_chapter(USES 10_tensor_and_data_parallel)
chapter_test(RANKS 1 2 3 4 ARGUMENTS --check-collectives)
