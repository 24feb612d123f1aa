// Recomputed: a block that keeps its input only. The backward pass computes everything else again.
//     forward: y = block(x), and x is kept;   backward: block(x) once more, then its backward pass
// Chen et al., arXiv:1604.06174; Korthikanti et al., arXiv:2205.05198, section 5.
// The block's output is not computed again, since nobody reads it: the block's last product, the
// all-reduce after it, bias, dropout and residual are left out.
#pragma once
#include "chapters/07_transformer_block/transformer_block.h"

namespace shard {

//! [14-without-output]
// forward_without_output(layer, x, …, kept) fills `kept` as layer.forward does, and leaves out what
// only the output needs. Another block or MLP is recomputed by an overload of its own.

/// x: [tokens × width]. Keeps gelu(U), which the second product's weight needs. No communication.
inline void forward_without_output(const ParallelMlp& mlp, const Tensor& x,
                                   ParallelMlp::Kept& kept) {
  kept.up_output = mlp.up.forward(x, kept.up);
  kept.down.x = gelu(kept.up_output);
}

/// x: [tokens × width]. No communication.
inline void forward_without_output(const FusedMlp& mlp, const Tensor& x, FusedMlp::Kept& kept) {
  kept.up_output = mlp.up.forward(x, kept.up);
}

/// x: [batch·context × width]. The collectives of the attention, such as one all-reduce.
template <class Attention, class Mlp>
void forward_without_output(const BasicBlock<Attention, Mlp>& block, const Tensor& x, int64_t batch,
                            const DropoutMoment& moment,
                            typename BasicBlock<Attention, Mlp>::Kept& kept) {
  TraceRange range(TraceRow::compute, "block forward again", block.name);
  const Tensor normed = block.up_to_mlp(x, batch, moment, kept).normed;
  if constexpr (requires { forward_without_output(block.mlp, normed, moment.rows, kept.mlp); })
    forward_without_output(block.mlp, normed, moment.rows, kept.mlp);  // as forward_of
  else
    forward_without_output(block.mlp, normed, kept.mlp);
}
//! [14-without-output]

//! [14-recomputed]
/// A block as `Block`, with the same parameters, function and gradients, to the last bit.
template <class Block>
class Recomputed : public Block {
 public:
  using Block::Block;
  bool recomputes = true;  // otherwise it keeps all that Block keeps

  struct Kept {
    int64_t batch = 0;
    DropoutMoment moment;       // the dropout masks are functions of it: the same ones again
    Tensor x;                   // [tokens × width], if the block recomputes
    typename Block::Kept rest;  // if it does not
    auto parts() const { return std::tie(x, rest); }
  };

  /// As Block's.
  Tensor forward(const Tensor& x, int64_t batch, const DropoutMoment& moment, Kept& kept) const {
    kept = {batch, moment, {}, {}};
    if (!recomputes) return Block::forward(x, batch, moment, kept.rest);
    kept.x = x;
    typename Block::Kept let_go;
    return Block::forward(x, batch, moment, let_go);
  }

  /// As Block's; where it recomputes, with the collectives of forward_without_output before.
  Tensor backward(const Tensor& dy, const Kept& kept) {
    if (!kept.x) return Block::backward(dy, kept.rest);
    typename Block::Kept again;
    forward_without_output(*this, kept.x, kept.batch, kept.moment, again);
    return Block::backward(dy, again);
  }
};
//! [14-recomputed]

}  // namespace shard
