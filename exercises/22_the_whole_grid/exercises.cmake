add_exercise(22_the_whole_grid 1_order_string RANKS 1 WITHOUT common/comm/grid.h)
add_exercise(22_the_whole_grid 2_who_sums_what RANKS 1)
add_exercise(22_the_whole_grid 3_five_axes RANKS 1 2 3 4)
