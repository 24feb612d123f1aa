add_exercise(20_context_parallel 1_two_blocks_one_softmax RANKS 1)
add_exercise(20_context_parallel 2_zigzag_map RANKS 1)
add_exercise(20_context_parallel 3_gradients_come_home RANKS 1 2 3 4)
