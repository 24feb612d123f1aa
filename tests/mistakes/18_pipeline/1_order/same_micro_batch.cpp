// expect: after F(i) comes B(i)
#include <algorithm>

#include "exercises/18_pipeline/1_order.h"

namespace shard {

std::vector<StageStep> order_of_1f1b(int stage, int stages, int64_t micro_batches) {
  const int64_t warm_up = std::min<int64_t>(micro_batches, stages - 1 - stage);
  std::vector<StageStep> steps;
  for (int64_t i = 0; i < warm_up; ++i) steps.push_back({true, i});
  for (int64_t i = warm_up; i < micro_batches; ++i) {
    steps.push_back({true, i});
    steps.push_back({false, i});
  }
  for (int64_t i = micro_batches - warm_up; i < micro_batches; ++i) steps.push_back({false, i});
  return steps;
}

}  // namespace shard
