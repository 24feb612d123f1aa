add_chapter(USES 10_tensor_and_data_parallel)
chapter_test(ARGUMENTS --check-collectives)
