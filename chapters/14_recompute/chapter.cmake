set(small --batch 2 --context 16 --width 48 --layers 3 --repeat 1)
add_chapter(USES 10_tensor_and_data_parallel QUICK_ARGUMENTS ${small})
chapter_test(ARGUMENTS --check-collectives ${small})
