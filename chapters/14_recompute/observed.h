// What a model's forward pass keeps at each moment of a step, measured.
#pragma once
#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"
#include "chapters/14_recompute/recomputed.h"

namespace shard::chapter_14 {

/// A block that shows what it was given for its backward pass.
template <class Block>
class Observed : public Block {
 public:
  using Block::Block;
  std::function<void(const typename Block::Kept&)> on_backward;

  Tensor backward(const Tensor& dy, const typename Block::Kept& kept) {
    if (on_backward) on_backward(kept);
    return Block::backward(dy, kept);
  }
};

using ObservedGpt = BasicGpt<Recomputed<Observed<TransformerBlock>>>;

/// What a model has kept, and what one of its blocks has computed again.
struct KeptAtOnce {
  const ObservedGpt::Kept& model;
  const TransformerBlock::Kept& again;
  auto parts() const { return std::tie(model, again); }
};

/// One forward and one backward pass with factor 1. Returns the bytes that are kept after the
/// forward pass of each block, after the whole forward pass, and at the beginning of each block's
/// backward pass.
std::vector<int64_t> kept_over_time(ObservedGpt& model, const Tensor& tokens, const Tensor& targets,
                                    int64_t batch, const DropoutMoment& moment);

}  // namespace shard::chapter_14
