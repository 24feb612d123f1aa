// Exercise 12.1: draw a token from logits that stay where they are.
//
// Chapter 12 gathers a row of logits for each token, on every rank. For a vocabulary of 128 000
// words these are half a megabyte a token, of which one number is wanted. A rank can do most of the
// work with its own part, if it knows a few numbers of the others:
//
//     probabilities of rank 0's words │ of rank 1's words │ of rank 2's words
//     0 ├───────────┬─────┬───────────┼──────┬────────────┼─────────────┬────┤ 1
//                                                 ▲ u: a word of rank 1
//
// Write: the word that chapter 10's draw would find in the whole logits. exp must not overflow:
//        logits may be about 100 or about -120. About 25 lines.
// Shapes: logits [columns], this rank's part; the first words.size() of them count.
// Ledger: at most three calls of all_reduce, all_reduce_max or all_gather, with one number of each
//         rank in each. A rank without words makes them too.
#include "exercises/12_generation/1_sample_sharded.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

int32_t sample_sharded(Communicator& group, const Tensor& logits, Range words, double temperature,
                       double u) {
  todo("sample_sharded");
}

}  // namespace shard
