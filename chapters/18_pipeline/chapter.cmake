add_chapter(USES 10_tensor_and_data_parallel)
set(small --steps 2 --layers 4 --micro-batches 3 --batch 7 --check-collectives --synchronous-sends)
chapter_test(CPU 1 2 3 4 ARGUMENTS --check-collectives --synchronous-sends)
chapter_test(GPU 1 3 SHARED_GPU 2 ARGUMENTS ${small})
chapter_test(NAME 18_with_tensor_and_data_parallel CPU 4 ARGUMENTS --tp 2 ${small})
chapter_test(NAME 18_with_data_parallel CPU 4 GPU 4 ARGUMENTS --dp 2 ${small})
chapter_test(NAME 18_speed CPU 2 ARGUMENTS --repeat 1 --layers 2)
# fewer micro-batches than stages, and stages without layers
chapter_test(NAME 18_few_micro_batches CPU 4 ARGUMENTS --micro-batches 2 --layers 1 --steps 1)
