add_chapter(USES 10_tensor_and_data_parallel
            RUN_ARGUMENTS --tp 2 --dp 2 NOT_WITH --tp --dp --layouts)
chapter_test(RANKS 1 2 3 4 ARGUMENTS --check-collectives)
