// expect: your de (ordinary logits) is the right de (ordinary logits) plus 11 × dlogitsᵀ·X: it is that of the sum of the losses, not of their mean
#include <algorithm>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/tensor/ops.h"
#include "exercises/08_vocab_parallel/4_find_the_faults.h"

namespace shard {
struct Part {
  int64_t words;
  int64_t first;
};

static Part part_of_rank(const Communicator& group, int64_t vocabulary) {
  const Range columns = vocabulary_part(vocabulary, group.size(), group.rank());
  const int64_t words = std::clamp<int64_t>(vocabulary - columns.begin, 0, columns.size());
  return {words, columns.begin};
}

Tensor head_forward(Communicator& group, const Tensor& x, const Tensor& e, const Tensor& targets,
                    int64_t vocabulary, HeadKept& kept) {
  const auto [words, first] = part_of_rank(group, vocabulary);
  Tensor logits = matmul(x, transposed(e));
  Tensor max = row_max(logits, words);
  group.all_reduce_max(max);
  const Tensor target_logits = group.all_reduce(PartialSum(pick(logits, targets, first)));
  kept.sums = group.all_reduce(PartialSum(exp_and_row_sum(logits, max, words)));
  kept.exps = logits;
  return cross_entropy(kept.sums, max, target_logits);
}

Tensor head_backward(Communicator& group, const Tensor& x, const Tensor& e, const Tensor& targets,
                     int64_t vocabulary, HeadKept& kept, Tensor& de) {
  const int64_t first = part_of_rank(group, vocabulary).first;
  cross_entropy_backward(kept.exps, kept.sums, targets, first, 1);
  PendingSum dx = group.start_all_reduce(PartialSum(matmul(kept.exps, e)));
  add_matmul(de, transposed(kept.exps), x);
  return dx.wait();
}

}  // namespace shard
