add_chapter(USES 10_tensor_and_data_parallel
            RUN_ARGUMENTS --tp 2 --dp 2 NOT_WITH --tp --dp)
chapter_test(CPU 1 2 3 4 ARGUMENTS --check-collectives)
chapter_test(GPU 1 4 SHARED_GPU 3 ARGUMENTS --check-collectives --steps 4 --layers 1)
