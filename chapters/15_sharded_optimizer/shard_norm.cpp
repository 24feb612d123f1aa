#include "chapters/15_sharded_optimizer/shard_norm.h"

#include "common/tensor/ops.h"

namespace shard {

ShardNorm::ShardNorm(Communicator& all, const GradientShards& gradients)
    : all_(all), gradients_(gradients), squares_(Tensor::zeros(all.backend(), {1})) {}

//! [15-norm]
/// An element is in one range of its replica, and of the ranks that have the same range, such as tp
/// ranks of a replicated parameter, one counts it. A range may hold both kinds.
Tensor ShardNorm::sum_of_squares() {
  fill(squares_, 0.0f);
  std::vector<Tensor> counted;
  for (const GradientShards::Bucket& bucket : gradients_.buckets()) {
    for (const FlatPiece& piece : bucket.flat.pieces_of(gradients_.group().rank()))
      if (piece.parameter->counts) counted.push_back(bucket.own.slice(piece.place));
  }
  add_sum_of_squares(squares_, counted);
  return all_.all_reduce(PartialSum(squares_));  // a rank that counts nothing must come, too
}
//! [15-norm]

}  // namespace shard
