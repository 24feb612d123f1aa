// RingAttention: this rank's queries stay; keys and values travel around the ring of ranks, and
// each rank attends to those that are here while the next ones arrive.
//     forward:   k and v make c-1 hops. The results of the steps, each with its log-sum-exp, are
//                merged into softmax over all keys.
//     backward:  k and v make the same hops; their gradients follow one step behind, and a c-th hop
//                takes them home. Each step needs the output and the log-sum-exp over all keys.
// Liu et al., "Ring attention with blockwise transformers for near-infinite context",
// arXiv:2310.01889, section 3. The zigzag cut balances the ranks' work under the causal mask.
#pragma once
#include "chapters/20_context_parallel/context_attention.h"

namespace shard {

class RingAttention : public ContextAttention {
 public:
  using ContextAttention::ContextAttention;
  std::string name() const override { return "ring"; }
  Tensor forward(const Tensor& qkv, const CutSequences& sequences, Kept& kept) const override;
  Tensor backward(const Tensor& dout, const CutSequences& sequences,
                  const Kept& kept) const override;

 private:
  /// Whose keys are here in this step: this rank's own first, then those of rank - 1, …
  int owner_in(int step) const { return (group_.rank() + group_.size() - step) % group_.size(); }
  /// `out` leaves for rank + 1, and what rank - 1 sends arrives: rows of the keys that will be here
  /// in step `step`.
  Pending start_hop(const Tensor& out, int step, const CutSequences& sequences,
                    const std::string& label) const;
};

}  // namespace shard
