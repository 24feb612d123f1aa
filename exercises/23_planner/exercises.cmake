add_exercise(23_planner 1_activation_bytes RANKS 1)
