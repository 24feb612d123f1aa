add_exercise(13_sequence_parallel 1_which_sums RANKS 1 2 3 4
             WITHOUT common/comm/partial_gradients.h)
add_exercise(13_sequence_parallel 2_two_consumers RANKS 1 2 3 4)
add_exercise(13_sequence_parallel 3_gather_again RANKS 1 2 3 4)
