add_exercise(06_parallel_attention 1_cut_qkv RANKS 1 2 3 4 USES 06_parallel_attention)
add_exercise(06_parallel_attention 2_grouped_query RANKS 1 2 3 4 USES 06_parallel_attention)
