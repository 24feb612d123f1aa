add_exercise(10_tensor_and_data_parallel 1_coordinates RANKS 1 2 3 4)
add_exercise(10_tensor_and_data_parallel 2_gradient_norm RANKS 1 2 3 4)
add_exercise(10_tensor_and_data_parallel 3_reshard RANKS 1 USES 06_parallel_attention 08_vocab_parallel)
