add_chapter(USES 10_tensor_and_data_parallel 13_sequence_parallel 14_recompute)
set(quick --check-collectives --measure none)
chapter_test(CPU 1 2 3 4 ARGUMENTS ${quick})
chapter_test(GPU 2 SHARED_GPU 3 ARGUMENTS ${quick} --layers 1)
# A context that neither c nor 2c divides, and fewer tokens than 4 chunks of 2 have.
chapter_test(NAME 20_uneven CPU 2 3 4 ARGUMENTS ${quick} --context 29 --batch 3)
chapter_test(NAME 20_measure CPU 2 ARGUMENTS --repeat 1)
