set(small --layers 2 --heads 12 --width 48 --context 32 --curve ${PROJECT_BINARY_DIR}/test_loss.svg)
add_chapter(USES 07_transformer_block 08_vocab_parallel 09_data_parallel
            RUN_ARGUMENTS --tp 2 --dp 2 NOT_WITH --tp --dp --layouts
            QUICK_ARGUMENTS ${small} --validation-fraction 0.01 --steps 24 --sample 20)

# A small model on each number of ranks, and all grids of 4 and of 6.
list(APPEND small --check-collectives)
set(short ${small} --steps 6 --validation-fraction 0 --sample 0)
set(grid_1 --tp 1 --dp 1)
set(grid_2 --tp 2 --dp 1)
set(grid_3 --tp 1 --dp 3)
set(grid_4 --tp 2 --dp 2)
foreach(ranks 1 2 3 4)
  chapter_test(CPU ${ranks} ARGUMENTS ${grid_${ranks}} ${small} --steps 24 --accumulate 2 --dropout
               0.1 --eval-every 10 --sample 30)
endforeach()
set(layouts --layouts ${small} --steps 3 --dropout 0.1)
chapter_test(NAME 10_layouts CPU 4 6 GPU 4 SHARED_GPU 3 ARGUMENTS ${layouts})
in_other_orders(10_layouts RANKS 4 GPUS 4
                COMMAND $<TARGET_FILE:${chapter}> --device cuda ${layouts})

# The same on GPUs, in each precision.
foreach(way "GPU 1" "GPU 4" "SHARED_GPU 3")
  separate_arguments(way)
  list(GET way 1 ranks)
  chapter_test(${way} ARGUMENTS ${grid_${ranks}} ${small} --steps 12 --accumulate 2 --dropout 0.1
               --validation-fraction 0 --sample 8)
  chapter_test(NAME 10_bf16 ${way} ARGUMENTS ${grid_${ranks}} ${short} --precision bf16 --reduce-in
               bf16)
  chapter_test(NAME 10_bf16_reduced_in_f32 ${way} ARGUMENTS --dp ${ranks} ${short} --precision bf16)
endforeach()
chapter_test(NAME 10_tf32 GPU 2 SHARED_GPU 2 ARGUMENTS --tp 2 ${short} --precision tf32)

# Nothing grows: no block is taken after the tenth of 400 steps, and all is given back at the end.
chapter_test(NAME 10_leaks GPU 2 SHARED_GPU 2 ARGUMENTS --tp 2 --steps 400 --layers 1 --heads 2
             --width 8 --context 8 --batch 2 --precision bf16 --check-steps 0 --sample 0
             --validation-fraction 0 --curve ${PROJECT_BINARY_DIR}/test_loss.svg)
compute(chapters/10_tensor_and_data_parallel/sampling.cpp)  # a draw goes over the whole vocabulary
