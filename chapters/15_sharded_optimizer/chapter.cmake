add_chapter(USES 11_checkpoints)
chapter_test(ARGUMENTS --check-collectives)
