add_chapter(USES 05_parallel_mlp)
chapter_test(ARGUMENTS --check-collectives)
