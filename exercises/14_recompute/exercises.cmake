add_exercise(14_recompute 1_attention_again RANKS 1 2 3 4 USES 06_parallel_attention
             WITHOUT common/tensor/attention.h chapters/06_parallel_attention/parallel_attention.h)
add_exercise(14_recompute 2_what_does_not_fit RANKS 1)
add_exercise(14_recompute 3_one_collective_fewer RANKS 1 2 3 4)
