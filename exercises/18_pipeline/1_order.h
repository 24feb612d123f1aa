#pragma once
#include <cstdint>
#include <vector>

namespace shard {

/// A forward or a backward pass of one micro-batch through a stage.
struct StageStep {
  bool is_forward;
  int64_t micro_batch;  // from 0
  bool operator==(const StageStep&) const = default;
};

/// What stage `stage` of `stages` does with `micro_batches` micro-batches, in this order.
std::vector<StageStep> order_of_1f1b(int stage, int stages, int64_t micro_batches);

}  // namespace shard
