add_exercise(09_data_parallel 1_mean_over_ranks RANKS 1 2 3 4)
add_exercise(09_data_parallel 2_accumulate RANKS 1 2 3 4)
add_exercise(09_data_parallel 3_bucket_order RANKS 1)
