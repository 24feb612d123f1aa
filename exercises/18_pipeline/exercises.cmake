add_exercise(18_pipeline 1_order RANKS 1 USES 18_pipeline
             WITHOUT chapters/18_pipeline/schedule.h)
add_exercise(18_pipeline 2_without_deadlock RANKS 1 USES 18_pipeline
             WITHOUT chapters/18_pipeline/engine.h)
add_exercise(18_pipeline 3_one_table RANKS 1 2 3 4
             WITHOUT common/comm/partial_gradients.h)
