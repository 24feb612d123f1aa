// Tensors that ranks share out in ranges of flat buckets, as a checkpoint knows them: by parameter.
#pragma once
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "chapters/15_sharded_optimizer/flat_bucket.h"

namespace shard {

/// A rank's own range of something that is laid out as a flat bucket.
struct RangeTensor {
  std::vector<FlatPiece> pieces;  // the parameters, or parts of them, in the range
  Tensor values;                  // [own range]
};

/// Of each of `parameters`, in their order, the elements in this rank's ranges, maybe none;
/// `suffix` is behind its name. Where several ranks have the same ranges, one `writes`.
std::vector<StateTensor> state_of(Backend& backend, const Parameters& parameters,
                                  const std::vector<RangeTensor>& ranges,
                                  const std::string& suffix = "", bool writes = true);

}  // namespace shard
