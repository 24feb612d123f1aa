add_chapter(RUN_RANKS 1)  # about one device
chapter_test(ARGUMENTS --check-collectives)
