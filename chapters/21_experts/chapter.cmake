add_chapter(USES 10_tensor_and_data_parallel RUN_RANKS 4)
chapter_test(ARGUMENTS --check-collectives)
# Experts that e does not divide.
chapter_test(NAME 21_uneven CPU 4 ARGUMENTS --experts 7 --hidden 19 --tokens 53 --chosen 3)
