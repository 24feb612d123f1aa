add_chapter(USES 11_checkpoints 13_sequence_parallel 14_recompute 16_fully_sharded
                 19_interleaved_pipeline 20_context_parallel 21_experts
            RUN_ARGUMENTS --layouts NOT_WITH --tp --dp --layouts
            QUICK_ARGUMENTS --steps 1 --layers 1)

# Everything is switched on, in training on each number of ranks; and the table of all combinations.
set(all --sequence-parallel --recompute full --shard-optimizer 3 --layers 2 --heads 12 --width 48
    --context 31 --batch 13 --accumulate 2 --dropout 0.1 --check-collectives
    --curve ${PROJECT_BINARY_DIR}/test_loss.svg)
set(training ${all} --steps 12 --eval-every 5 --sample 20)
set(short ${all} --steps 4 --validation-fraction 0.01 --sample 5)
set(grid_1 --tp 1 --dp 1)
set(grid_2 --tp 2 --dp 1)
set(grid_3 --tp 1 --dp 3)
set(grid_4 --tp 2 --dp 2)
foreach(ranks 1 2 3 4)
  chapter_test(CPU ${ranks} ARGUMENTS ${grid_${ranks}} ${training})
endforeach()
foreach(way "GPU 1" "GPU 4" "SHARED_GPU 3")
  separate_arguments(way)
  list(GET way 1 ranks)
  chapter_test(${way} ARGUMENTS ${grid_${ranks}} ${short})
endforeach()
# Further axes, and everything that goes with them.
set(further --recompute full --layers 3 --heads 12 --width 48 --context 31 --batch 13
    --accumulate 3 --dropout 0.1 --steps 6 --validation-fraction 0.02 --sample 5
    --check-collectives --curve ${PROJECT_BINARY_DIR}/test_further.svg)
chapter_test(NAME 22_stages CPU 3 GPU 3 ARGUMENTS ${further} --pp 3 --schedule zb-h1)
chapter_test(NAME 22_chunks CPU 4 SHARED_GPU 2
             ARGUMENTS ${further} --pp 2 --schedule interleaved --chunks 2 --shard-optimizer 1)
chapter_test(NAME 22_context CPU 4 GPU 2 ARGUMENTS ${further} --cp 2 --shard-optimizer 2)
chapter_test(NAME 22_experts CPU 4 GPU 2
             ARGUMENTS ${further} --tp 1 --experts 5 --ep 2 --shard-optimizer 1)
chapter_test(NAME 22_four_axes CPU 4 GPU 4
             ARGUMENTS ${further} --tp 2 --cp 1 --pp 2 --dp 1 --sequence-parallel)
chapter_test(NAME 22_bf16 GPU 4 ARGUMENTS ${grid_4} ${short} --precision bf16 --reduce-in bf16)
chapter_test(NAME 22_memory CPU 2 ARGUMENTS ${grid_2} ${short} --memory 0.6)
chapter_test(NAME 22_layouts CPU 4 6 ARGUMENTS --layouts --check-collectives)
chapter_test(NAME 22_layouts GPU 2 SHARED_GPU 2 ARGUMENTS --layouts --layers 1 --steps 2)
chapter_test(NAME 22_groups CPU 1 ARGUMENTS --groups --tp 2 --cp 2 --pp 2 --dp 2 --ep 4)
chapter_test(NAME 22_groups_of_1536 CPU 1
             ARGUMENTS --groups --tp 8 --cp 3 --pp 4 --dp 16 --ep 6 --order pp-tp-dp-cp)
