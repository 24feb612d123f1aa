// What a transformer block costs a rank: the bytes that it keeps for the backward pass, and the
// floating-point operations of its products. Formulas, which the program compares with what the
// device has counted.
#pragma once
#include <cstdint>

namespace shard {

/// The sizes of a block, and the rank's part of it.
struct BlockWork {
  int64_t batch = 1, context = 0, width = 0, heads = 0, hidden = 0;
  int ranks = 1, rank = 0;  // tensor-parallel
  bool dropout = false;     // on the probabilities: a second matrix of them is kept
  bool causal = true;       // a query sees (context + 1)/2 keys on average; otherwise all of them
  // of a query and a key that meet in a sequence, where only a part of it is here (chapter 20)
  int64_t pairs = 0;     // 0: as `causal` says
  int64_t own_rows = 0;  // of norms and residuals, where ranks share out the rows (13); 0: all
  int64_t tokens() const { return batch * context; }
  int64_t rows() const { return own_rows == 0 ? tokens() : own_rows; }
};

/// Which of the blocks with the same function.
enum class Design {
  written_out,  // ParallelAttention and ParallelMlp: all steps of chapters 05 and 06
  selective,    // SelectiveAttention and ParallelMlp
  fused         // FusedAttention and FusedMlp: chapter 07's TransformerBlock
};

/// Bytes of f32 that the block keeps between its passes.
int64_t kept_bytes(Design design, const BlockWork& work);
/// Of its input alone.
int64_t input_bytes(const BlockWork& work);

/// Operations of one product between queries and keys: Q·Kᵀ, P·V, or one of their gradients.
int64_t flops_of_attention_product(const BlockWork& work);
int64_t forward_flops(const BlockWork& work);
/// With what the design itself computes again: the fused attention and the selective one, Q·Kᵀ.
int64_t backward_flops(Design design, const BlockWork& work);
/// Of forward_without_output, which full recomputation adds.
int64_t recomputation_flops(const BlockWork& work);
/// Of both passes of a model of `layers` such blocks whose rank has `columns` of the logits,
/// without recomputation of blocks.
int64_t model_flops(Design design, const BlockWork& work, int64_t layers, int64_t columns);

}  // namespace shard
