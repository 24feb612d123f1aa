#pragma once
#include <functional>

#include "common/comm/communicator.h"

namespace shard {

/// When the gradients of several micro-batches are reduced.
enum class Reduced {
  in_every_pass,    // ZeRO-2: whole gradients live for one pass only
  after_last_pass,  // accumulated where they are, reduced once
};

/// Adds the gradients of micro-batch `pass` to whole [elements], which is zero at first: a backward
/// pass.
using AddPass = std::function<void(int64_t pass, Tensor& whole)>;

/// This rank's range of the gradients of all `passes` micro-batches, summed over the ranks of `dp`:
/// [⌈elements/d⌉], with zeros in the padding.
Tensor accumulated_shard(Communicator& dp, int64_t elements, int64_t passes,
                         const AddPass& add_pass, Reduced reduced);

}  // namespace shard
