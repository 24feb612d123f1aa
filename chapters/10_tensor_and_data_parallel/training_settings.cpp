#include "chapters/10_tensor_and_data_parallel/training_settings.h"

#include <algorithm>
#include <cmath>

namespace shard {

double learning_rate_at(int64_t step, const TrainingSettings& s) {
  if (step < s.warmup)
    return s.learning_rate * static_cast<double>(step + 1) / static_cast<double>(s.warmup + 1);
  const double progress =
      std::min(1.0, static_cast<double>(step - s.warmup) /
                        static_cast<double>(std::max<int64_t>(1, s.steps - s.warmup)));
  return s.min_learning_rate +
         0.5 * (1.0 + std::cos(M_PI * progress)) * (s.learning_rate - s.min_learning_rate);
}

AdamW adamw_of_step(int64_t step, double learning_rate, const TrainingSettings& settings) {
  return {static_cast<float>(learning_rate),         static_cast<float>(settings.beta1),
          static_cast<float>(settings.beta2),        static_cast<float>(settings.epsilon),
          static_cast<float>(settings.weight_decay), step + 1};
}

}  // namespace shard
