add_chapter(USES 02_collectives 13_sequence_parallel)
set(quick --check-collectives --repeat 1 --timing-rows 64 --timing-in 32 --timing-out 8)
chapter_test(CPU 1 2 3 4 ARGUMENTS ${quick})
chapter_test(GPU 2 SHARED_GPU 3 ARGUMENTS ${quick})
