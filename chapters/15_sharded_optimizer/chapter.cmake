add_chapter(USES 11_checkpoints)
chapter_test(ARGUMENTS --check-collectives)
chapter_test(NAME 15_tensor_parallel CPU 4 GPU 4 ARGUMENTS --tp 2 --check-collectives --steps 3)
chapter_test(NAME 15_bf16 GPU 1 3 SHARED_GPU 2 ARGUMENTS --precision bf16 --steps 3)
