add_exercise(10_tensor_and_data_parallel 1_coordinates RANKS 1 2 3 4 WITHOUT common/comm/grid.h)
add_exercise(10_tensor_and_data_parallel 2_gradient_norm RANKS 1 2 3 4)
add_exercise(10_tensor_and_data_parallel 3_training_step RANKS 1 2 3 4
             USES 10_tensor_and_data_parallel
             WITHOUT chapters/10_tensor_and_data_parallel/trainer.h
                     chapters/10_tensor_and_data_parallel/micro_batches.h
                     chapters/10_tensor_and_data_parallel/bucketed_reduction.h
                     chapters/10_tensor_and_data_parallel/gradient_norm.h
                     chapters/10_tensor_and_data_parallel/adamw_optimizer.h)
