add_exercise(23_planner 1_activation_bytes RANKS 1)
add_exercise(23_planner 2_across_nodes RANKS 1)
add_exercise(23_planner 3_choose_a_layout RANKS 1)
