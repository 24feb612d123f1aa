add_chapter(USES 05_parallel_mlp)
chapter_test(RANKS 1 2 3 4 ARGUMENTS --check-collectives)
