#include "chapters/15_sharded_optimizer/shard_norm.h"

#include "common/tensor/ops.h"

namespace shard {

ShardNorm::ShardNorm(Communicator& all, const GradientShards& gradients)
    : all_(all), squares_(Tensor::zeros(all.backend(), {1})) {
  for (const GradientShards::Bucket& bucket : gradients.buckets())
    add(bucket.flat.pieces_of(bucket.group->rank()), bucket.own);
}

ShardNorm::ShardNorm(Communicator& all, const std::vector<OwnRange>& ranges)
    : all_(all), squares_(Tensor::zeros(all.backend(), {1})) {
  for (const OwnRange& range : ranges) add(range.pieces, range.gradient);
}

//! [15-norm]
/// An element is in one range of its replica, and of the ranks that have the same range, such as tp
/// ranks of a replicated parameter, one counts it. A range may hold both kinds.
void ShardNorm::add(const std::vector<FlatPiece>& pieces, const Tensor& gradient) {
  for (const FlatPiece& piece : pieces)
    if (piece.parameter->counts) counted_.push_back(gradient.slice(piece.place));
}

Tensor ShardNorm::sum_of_squares() {
  fill(squares_, 0.0f);
  add_sum_of_squares(squares_, counted_);
  return all_.all_reduce(PartialSum(squares_));  // a rank that counts nothing must come, too
}
//! [15-norm]

}  // namespace shard
