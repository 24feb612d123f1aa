// Exercise 09.2: accumulate over micro-batches of different sizes, reduce once.
//
// A batch that does not fit into memory is cut into micro-batches whose gradients are added.
// Chapter 09 divides by the size of the whole batch in every pass; here this size is not known
// until all passes on all ranks are done. The mean of the micro-batches' means is a different
// number: Transformers' Trainer used it until October 2024
// (https://huggingface.co/blog/gradient_accumulation). Summing over the ranks after every
// micro-batch would communicate several times for the same result.
//
// Write: the passes of all micro-batches into one buffer, its one reduction, and the division.
//        About 13 lines; the pass itself, add_pass, is in the header.
// Shapes: a [in × out], bias [out]; micro-batches [samples × in] and [samples × out] → gradients
//         [in × out], [out] and loss [1].
// Ledger: one all_reduce of in·out + out + 2 numbers (both gradients, the loss and the number of
//         samples), nothing else.
#include "exercises/09_data_parallel/2_accumulate.h"

#include "exercises/todo.h"

namespace shard {

Gradients accumulated_gradients(Communicator& group, const Tensor& a, const Tensor& bias,
                                const std::vector<MicroBatch>& micro_batches) {
  todo("accumulated_gradients");
}

}  // namespace shard
