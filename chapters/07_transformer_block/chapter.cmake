add_chapter(USES 05_parallel_mlp 06_parallel_attention)
chapter_test(ARGUMENTS --check-collectives)
