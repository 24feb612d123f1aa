add_chapter(USES 22_the_whole_grid RUN_RANKS 1)  # it counts; no rank computes a model
chapter_test(CPU 1)
chapter_test(NAME 23_check CPU 1 ARGUMENTS --check)
chapter_test(NAME 23_layout CPU 1
             ARGUMENTS --model sp-530b --batch 280 --layout
                       "tp=8,pp=35,chunks=3,sp,recompute=selective")
chapter_test(NAME 23_sizes CPU 1
             ARGUMENTS --layers 12 --width 768 --heads 12 --context 1024 --vocabulary 50304
                       --experts 8 --gpus 24 --batch 96 --cluster h100 --software megatron-core)
chapter_test(NAME 23_traffic CPU 1
             ARGUMENTS --model gpt2 --batch 16 --software shard
                       --layout "tp=2,pp=2,dp=2,sp,shard=1")
