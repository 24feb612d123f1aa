// What a rank holds of weights, gradients and the optimizer's state, in bytes of f32.
#pragma once
#include "chapters/15_sharded_optimizer/costs.h"
#include "chapters/23_planner/gradient_buckets.h"

namespace shard::chapter_23 {

struct RankState {
  StateBytes between_steps;
  int64_t peak_weights = 0;  // in a step: more than between steps with shard_optimizer 3
  int64_t buffers = 0;       // flat copies for sums over tp, routers' biases, the norm, the loss
};
RankState state_of(const RankWork& work);

}  // namespace shard::chapter_23
