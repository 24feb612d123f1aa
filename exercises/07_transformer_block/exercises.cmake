add_exercise(07_transformer_block 1_dropout_masks RANKS 1 2 3 4 USES 07_transformer_block)
add_exercise(07_transformer_block 2_norm_gradients RANKS 1 2 3 4 USES 07_transformer_block)
