add_chapter(USES 18_pipeline)
set(small --steps 2 --layers 4 --micro-batches 3 --batch 7 --check-collectives --synchronous-sends)
chapter_test(CPU 2 3 4 ARGUMENTS --check-collectives --synchronous-sends)
chapter_test(GPU 2 SHARED_GPU 3 ARGUMENTS ${small})
chapter_test(NAME 19_with_tensor_parallel CPU 4 ARGUMENTS --tp 2 ${small})
chapter_test(NAME 19_with_data_parallel CPU 4 GPU 4 ARGUMENTS --dp 2 ${small})
# more chunks, fewer micro-batches than stages, parts without layers
chapter_test(NAME 19_few_micro_batches CPU 3
             ARGUMENTS --chunks 3 --micro-batches 2 --layers 5 --steps 1)
