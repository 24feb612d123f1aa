add_chapter(USES 11_checkpoints)
chapter_test(RANKS 1 2 3 4 ARGUMENTS --check-collectives)
