// Exercise 08.1: the vocabulary-parallel embedding for sequence-parallel layers.
//
// Chapter 08 all-reduces the looked-up rows, so that every rank gets all tokens. With sequence
// parallelism (Korthikanti et al., arXiv:2205.05198, section 4.2.2) each rank continues with its
// own tokens: the sum is scattered, for half of the traffic. But the backward pass, which needs no
// communication in chapter 08, now does: a rank has dY only for its own tokens, while any token may
// have used its words.
//
// Write: the look-up, scattered by tokens, and its backward pass. About 5 lines in all.
// Shapes: table, dtable [⌈vocabulary/t⌉ × width], ids [tokens] ↔ Y, dy [tokens/t × width]. t need
//         not divide the vocabulary (cut by chapter 08's vocabulary_part, padded) nor the tokens
//         (cut by part_of, as reduce_scatter does).
// Ledger: forward one reduce_scatter of tokens × width elements; backward one all_gather of dy;
//         nothing else.
#include "exercises/08_vocab_parallel/1_embedding.h"

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

Tensor embed_scattered(Communicator& group, const Tensor& table, const Tensor& ids,
                       int64_t vocabulary) {
  todo("embed_scattered");
}

void embed_scattered_backward(Communicator& group, Tensor& dtable, const Tensor& ids,
                              const Tensor& dy, int64_t vocabulary) {
  todo("embed_scattered_backward");
}

}  // namespace shard
