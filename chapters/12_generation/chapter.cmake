add_chapter(USES 11_checkpoints)
chapter_test(CPU 1 2 3 4 ARGUMENTS --check-collectives)
chapter_test(GPU 1 4 SHARED_GPU 3 ARGUMENTS --check-collectives --steps 4 --generate 12)
