add_exercise(17_overlap 1_gather_and_multiply RANKS 1 2 3 4)
add_exercise(17_overlap 2_multiply_and_scatter RANKS 1 2 3 4)
add_exercise(17_overlap 3_chunk_count RANKS 1)
