// UlyssesAttention: an all-to-all gives each rank all tokens of 1/c of the heads, instead of 1/c of
// the tokens of all heads. There it is ordinary attention; a second all-to-all takes the output
// back.
//     q, k, v [tokens/c × heads] → all-to-all → [tokens × heads/c] → attention → all-to-all → out
// Jacobs et al., "DeepSpeed Ulysses", arXiv:2309.14509, section 3.1. The same number of bytes is
// sent by all ranks together however many there are: 4·N·h forward, of which a rank sends 1/c.
#pragma once
#include "chapters/20_context_parallel/context_attention.h"
#include "chapters/20_context_parallel/rows_in_order.h"

namespace shard {

class UlyssesAttention : public ContextAttention {
 public:
  using ContextAttention::ContextAttention;
  std::string name() const override { return "Ulysses"; }
  /// They must be divisible by the number of ranks.
  void require_heads(int64_t heads) const override;
  Tensor forward(const Tensor& qkv, const CutSequences& sequences, Kept& kept) const override;
  Tensor backward(const Tensor& dout, const CutSequences& sequences,
                  const Kept& kept) const override;

 private:
  /// x [this rank's tokens × matrices·width] → [batch·context × matrices·width/c]: of each of the
  /// matrices that lie side by side, such as Q K V, this rank's heads. One all-to-all.
  Tensor to_heads(const Tensor& x, int64_t matrices, const RowsInOrder& order) const;
  /// The inverse.
  Tensor to_tokens(const Tensor& x, int64_t matrices, const RowsInOrder& order) const;
  /// What this rank computes: its heads of whole sequences.
  CutSequences own_heads(const CutSequences& sequences) const;
};

}  // namespace shard
