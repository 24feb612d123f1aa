// Exercise 18.1: the order of 1F1B.
//
// Every stage begins with forward passes, just as many as the later stages need until the first
// micro-batch can come back: the last stage with none. Then it does one forward and one backward
// pass in turn, and at the end the backward passes that are left. So stage j of p keeps min(m, p-j)
// micro-batches at most. There may be fewer micro-batches than stages.
//
// Write: order_of_1f1b, without chapters/18_pipeline/schedule.h. About 10 lines.
// Shapes: 2·m steps: each micro-batch once forward and once backward, both in the order 0, 1, ….
// Ledger: nothing.
#include "exercises/18_pipeline/1_order.h"

#include "exercises/todo.h"

namespace shard {

std::vector<StageStep> order_of_1f1b(int stage, int stages, int64_t micro_batches) {
  todo("order_of_1f1b");
}

}  // namespace shard
