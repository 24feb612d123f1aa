#include "chapters/15_sharded_optimizer/flat_bucket.h"

#include <algorithm>

#include "chapters/09_data_parallel/data_parallel.h"

namespace shard {

//! [15-flat-bucket]
FlatBucket::FlatBucket(Parameters parameters, int ranks)
    : parameters_(std::move(parameters)), ranks_(ranks) {
  require(ranks > 0 && !parameters_.empty(), "a flat bucket of ", parameters_.size(),
          " parameters for ", ranks, " ranks");
  int64_t begin = 0;
  for (const Parameter* parameter : parameters_) {
    begins_.push_back(begin);
    begin += parameter->shard.local().elements();
  }
  begins_.push_back(begin);
  per_rank_ = in_each_range(elements(), ranks);
}

Range FlatBucket::range_of(int rank) const {
  require(rank >= 0 && rank < ranks_, "there is no rank ", rank, " of ", ranks_);
  return {rank * per_rank_, (rank + 1) * per_rank_};
}

std::vector<FlatPiece> FlatBucket::pieces_of(int rank) const {
  const Range range = range_of(rank);
  std::vector<FlatPiece> pieces;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const int64_t begin = std::max(range.begin, begins_[i]),
                  end = std::min(range.end, begins_[i + 1]);
    if (begin >= end) continue;
    pieces.push_back({.parameter = parameters_[i],
                      .elements = {begin - begins_[i], end - begins_[i]},
                      .place = {begin - range.begin, end - range.begin}});
  }
  return pieces;
}
//! [15-flat-bucket]

Tensor FlatBucket::view(const Tensor& flat, size_t i) const {
  return flat.slice({begins_[i], begins_[i + 1]}).reshape(parameters_[i]->shard.local());
}

std::vector<FlatBucket> flat_buckets(const Parameters& parameters, int64_t bucket_bytes,
                                     int ranks) {
  std::vector<FlatBucket> buckets;
  for (const Range& range : bucket_ranges(local_elements(parameters), bucket_bytes)) {
    Parameters bucket(parameters.begin() + range.begin, parameters.begin() + range.end);
    std::ranges::reverse(bucket);
    buckets.emplace_back(std::move(bucket), ranks);
  }
  return buckets;
}

}  // namespace shard
