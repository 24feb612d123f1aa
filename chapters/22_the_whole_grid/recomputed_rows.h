// What Recomputed (chapter 14) needs of a half with sequence parallelism (chapter 13) and of
// experts (chapter 21): their forward passes without output.
#pragma once
#include "chapters/13_sequence_parallel/row_collectives.h"
#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "chapters/14_recompute/recomputed.h"
#include "chapters/21_experts/expert_mlp.h"

namespace shard {

//! [22-without-output]
/// x: this rank's rows [rows/t × width]. One all-gather, and no reduce-scatter, whose sum nobody
/// reads. The backward pass is next, so all rows are kept for it, and not gathered once more.
template <class Half>
void forward_without_output(const SequenceParallel<Half>& layer, const Tensor& x,
                            const RowMap& rows, typename SequenceParallel<Half>::Kept& kept) {
  kept.x = layer.gather(x, rows, kept);
  kept.all = true;
  forward_without_output(layer.half, kept.x, kept.half);
  kept.half.first() = {};  // x takes its place
}
//! [22-without-output]

/// What a recomputed block adds to row_collectives (chapter 13): one of each for attention; the
/// MLP's all-gather takes the place of the one in its backward pass.
inline constexpr RowCollectives added_by_recomputing{.all_gathers = 1, .reduce_scatters = 1};

/// x: [tokens × width]. All of the forward pass: the router's gradient needs the experts' results.
inline void forward_without_output(const ExpertMlp& mlp, const Tensor& x, ExpertMlp::Kept& kept) {
  mlp.forward(x, kept);
}

}  // namespace shard
