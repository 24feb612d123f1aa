add_chapter(RUN_RANKS 1)  # about one device
chapter_test(RANKS 1 2 3 4 ARGUMENTS --check-collectives)
