// GatheredAttention: the third way: an all-gather gives every rank the keys and values of all
// tokens, a reduce-scatter brings their gradients home. It sends what a ring sends, cannot hide it
// behind attention, and holds all keys at once; but any mask needs no other code. Grattafiori et
// al., "The Llama 3 herd of models", arXiv:2407.21783, section 3.3.2.
#pragma once
#include "chapters/20_context_parallel/context_attention.h"

namespace shard {

class GatheredAttention : public ContextAttention {
 public:
  using ContextAttention::ContextAttention;
  std::string name() const override { return "all-gather"; }
  Tensor forward(const Tensor& qkv, const CutSequences& sequences, Kept& kept) const override;
  Tensor backward(const Tensor& dout, const CutSequences& sequences,
                  const Kept& kept) const override;

 private:
  /// Each of this rank's chunks with all keys.
  std::vector<ScoreBlock> blocks(const CutSequences& sequences) const;
};

}  // namespace shard
