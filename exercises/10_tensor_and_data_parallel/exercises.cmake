add_exercise(10_tensor_and_data_parallel 1_coordinates RANKS 1 2 3 4)
add_exercise(10_tensor_and_data_parallel 2_gradient_norm RANKS 1 2 3 4)
add_exercise(10_tensor_and_data_parallel 3_training_step RANKS 1 2 3 4
             USES 10_tensor_and_data_parallel)
