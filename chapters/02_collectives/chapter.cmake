add_chapter()
chapter_test(RANKS 1 2 3 4 ARGUMENTS --check-collectives)
