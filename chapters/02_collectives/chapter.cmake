add_chapter()
chapter_test(ARGUMENTS --check-collectives)
