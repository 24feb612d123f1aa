add_chapter(USES 10_tensor_and_data_parallel RUN_RANKS 2)
chapter_test(ARGUMENTS --check-collectives --measure none)
# Rows that t divides.
chapter_test(NAME 13_even_rows CPU 2 3 4 ARGUMENTS --context 12 --batch 4 --measure none)
chapter_test(NAME 13_measure CPU 2 ARGUMENTS --repeat 1)
