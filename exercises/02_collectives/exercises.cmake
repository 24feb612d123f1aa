add_exercise(02_collectives 1_reduce_scatter RANKS 1 2 3 4 USES 02_collectives)
add_exercise(02_collectives 2_all_reduce RANKS 1 2 3 4 USES 02_collectives)
add_exercise(02_collectives 3_all_gather_uneven RANKS 1 2 3 4 USES 02_collectives)
