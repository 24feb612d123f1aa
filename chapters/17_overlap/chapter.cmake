add_chapter(USES 02_collectives 13_sequence_parallel)
set(quick --repeat 1 --timing-rows 64 --timing-in 32 --timing-out 8)
chapter_test(ARGUMENTS --check-collectives ${quick})
