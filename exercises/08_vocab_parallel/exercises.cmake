add_exercise(08_vocab_parallel 1_embedding RANKS 1 2 3 4 USES 08_vocab_parallel)
add_exercise(08_vocab_parallel 2_cross_entropy RANKS 1 2 3 4 USES 08_vocab_parallel)
add_exercise(08_vocab_parallel 3_cross_entropy_backward RANKS 1 2 3 4 USES 08_vocab_parallel)
add_exercise(08_vocab_parallel 4_find_the_faults RANKS 1 2 3 4 USES 08_vocab_parallel)
