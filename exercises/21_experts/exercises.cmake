add_exercise(21_experts 1_where_do_they_go RANKS 1
             WITHOUT chapters/21_experts/dispatch_plan.h)
add_exercise(21_experts 2_home_weighted RANKS 1 WITHOUT common/tensor/routing.h)
add_exercise(21_experts 3_who_is_overloaded RANKS 1 2 3 4
             WITHOUT chapters/21_experts/router.h)
