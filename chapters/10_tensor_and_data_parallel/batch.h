// Batch: the tokens of some sequences, and what should come next.
#pragma once
#include <functional>

#include "common/base/partition.h"
#include "common/tensor/tensor.h"

namespace shard {

/// The tokens of some sequences and, for each token, the one that follows it.
struct Batch {
  Tensor tokens, targets;  // i32 [sequences·context]
  int64_t sequences = 0;
};

/// Gives sequences `range` of a step's whole batch; a rank asks for its own only.
using BatchOf = std::function<Batch(Range)>;

}  // namespace shard
