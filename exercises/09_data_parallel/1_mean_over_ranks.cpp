// Exercise 09.1: the mean over ranks whose micro-batches differ in size.
//
// In chapter 09 every rank knows the size of the whole batch and divides by it. Often it does not:
// the last batch of a text is short, and padding tokens do not count. Then each rank knows only its
// own number of samples, and the mean of the ranks' means is not the mean over the samples.
//
// Write: the weighted mean Σ samples·mean / Σ samples, over the ranks, of gradient and loss. About
//        11 lines.
// Shapes: gradient [elements], loss [1] → the same. A rank may have no samples: its means are
//         zeros.
// Ledger: one all_reduce of elements + 2 numbers (gradient, loss and the number of samples in one
//         buffer), nothing else. f32 counts samples exactly up to 2²⁴.
#include "exercises/09_data_parallel/1_mean_over_ranks.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

MeanLoss mean_over_ranks(Communicator& group, const MeanLoss& mine, int64_t samples) {
  todo("mean_over_ranks");
}

}  // namespace shard
