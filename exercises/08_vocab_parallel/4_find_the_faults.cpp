// Exercise 08.4: find the faults in the head of a GPT.
//
// The head is the last part of a GPT: logits from the table E, cut by words, and the loss, as in
// chapter 08. The code below is complete, compiles, and communicates as it should. On one rank it
// is right. On several ranks two places give wrong numbers, and a third is wrong with special
// values only: training may reach them late, and then the loss is suddenly infinite. The header
// says what the code must do. Delete the line todo(…) first: from then on the test says what it
// sees. It begins with ordinary logits, and tries others once these are right: around 100, around
// -120, and a vocabulary so small that ranks have padding only. A message describes a result; which
// line causes it is for you to find.
//
// Write: corrections of the three faults; all other lines can stay. About 4 lines.
// Shapes: x, dX [tokens × width], e, de [⌈V/t⌉ × width], targets, losses [tokens]. The last ranks
//         may have padding: rows of e that are zero, after those of their words.
// Ledger: forward one all_reduce_max and two all_reduces of [tokens], backward one all_reduce of
//         tokens × width elements, nothing else.
#include "exercises/08_vocab_parallel/4_find_the_faults.h"

#include <algorithm>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

/// How this rank's columns of the logits belong to words.
struct Part {
  int64_t words;  // its first columns; the rest are padding
  int64_t first;  // the word of column 0
};

static Part part_of_rank(const Communicator& group, int64_t vocabulary) {
  const Range columns = vocabulary_part(vocabulary, group.size(), group.rank());
  const int64_t words = std::clamp<int64_t>(vocabulary - columns.begin, 0, columns.size());
  return {words, group.rank() * words};
}

Tensor head_forward(Communicator& group, const Tensor& x, const Tensor& e, const Tensor& targets,
                    int64_t vocabulary, HeadKept& kept) {
  todo("delete this line, then find the faults");
  const auto [words, first] = part_of_rank(group, vocabulary);
  Tensor logits = matmul(x, transposed(e));        // [tokens × ⌈V/t⌉]
  Tensor max = row_max(logits, logits.columns());  // [tokens]
  group.all_reduce_max(max);
  const Tensor target_logits = group.all_reduce(PartialSum(pick(logits, targets, first)));
  kept.sums = exp_and_row_sum(logits, max, words);
  kept.exps = logits;
  const Tensor sums = group.all_reduce(PartialSum(kept.sums.clone()));
  return cross_entropy(sums, max, target_logits);
}

Tensor head_backward(Communicator& group, const Tensor& x, const Tensor& e, const Tensor& targets,
                     int64_t vocabulary, HeadKept& kept, Tensor& de) {
  const int64_t first = part_of_rank(group, vocabulary).first;
  const float mean = 1.0f / static_cast<float>(x.rows());
  cross_entropy_backward(kept.exps, kept.sums, targets, first, mean);  // dlogits
  PendingSum dx = group.start_all_reduce(PartialSum(matmul(kept.exps, e)));
  add_matmul(de, transposed(kept.exps), x);
  return dx.wait();
}

}  // namespace shard
