// What a training step is told, and the learning rate of each step.
#pragma once
#include <cstdint>

#include "chapters/10_tensor_and_data_parallel/precision.h"
#include "common/base/formulas.h"

namespace shard {

struct TrainingSettings {
  int64_t batch = 12;      // sequences a step, of all ranks together
  int64_t accumulate = 1;  // micro-batches that the batch is cut into
  int64_t steps = 200;
  double learning_rate = 1e-3, min_learning_rate = 1e-4;
  int64_t warmup = 20;  // steps
  double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8, weight_decay = 0.1;
  double clip = 1.0;  // limit of the gradient norm; 0: none
  double dropout = 0;
  uint64_t seed = 0;
  double validation_fraction = 0.1;  // part of the text that is kept for validation
  Precision precision = Precision::f32;
  Precision reduce_in = Precision::f32;  // what gradients are sent in between data-parallel ranks
};

/// Linear warm-up from 0, then a half cosine from learning_rate down to min_learning_rate
/// (Loshchilov and Hutter, arXiv:1608.03983). Steps count from 0.
double learning_rate_at(int64_t step, const TrainingSettings& settings);

/// What AdamW is told in step `step`, counted from 0.
AdamW adamw_of_step(int64_t step, double learning_rate, const TrainingSettings& settings);

}  // namespace shard
