add_chapter(USES 10_tensor_and_data_parallel RUN_RANKS 4)
chapter_test(CPU 1 2 3 4 ARGUMENTS --check-collectives)
