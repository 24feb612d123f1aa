add_exercise(19_interleaved_pipeline 1_interleaved_table RANKS 1
             WITHOUT chapters/19_interleaved_pipeline/interleaved.h)
add_exercise(19_interleaved_pipeline 2_later_weights RANKS 1 USES 18_pipeline
             WITHOUT chapters/19_interleaved_pipeline/interleaved.h
                     chapters/19_interleaved_pipeline/split_backward.h
                     common/tensor/weight_gradients.h)
add_exercise(19_interleaved_pipeline 3_cut_layers RANKS 1
             WITHOUT chapters/18_pipeline/stage_cut.h)
