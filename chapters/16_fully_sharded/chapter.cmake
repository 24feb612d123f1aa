add_chapter(USES 15_sharded_optimizer)
chapter_test(ARGUMENTS --check-collectives)
