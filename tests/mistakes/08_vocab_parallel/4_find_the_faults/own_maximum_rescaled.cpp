// right: each rank subtracts its own maximum, and scales its exponentials before they are summed
#include <algorithm>
#include <cmath>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/tensor/ops.h"
#include "exercises/08_vocab_parallel/4_find_the_faults.h"

namespace shard {

Tensor head_forward(Communicator& group, const Tensor& x, const Tensor& e, const Tensor& targets,
                    int64_t vocabulary, HeadKept& kept) {
  const Range columns = vocabulary_part(vocabulary, group.size(), group.rank());
  const int64_t words = std::clamp<int64_t>(vocabulary - columns.begin, 0, columns.size());
  kept.exps = matmul(x, transposed(e));
  const Tensor own_max = row_max(kept.exps, words);
  Tensor max = own_max.clone();
  group.all_reduce_max(max);
  const Tensor target_logits =
      group.all_reduce(PartialSum(pick(kept.exps, targets, columns.begin)));
  kept.sums = exp_and_row_sum(kept.exps, own_max, words);
  const std::vector<float> own = own_max.to_host(), whole = max.to_host();
  for (int64_t i = 0; i < x.rows() && words > 0; ++i) {
    const float factor = std::exp(own[static_cast<size_t>(i)] - whole[static_cast<size_t>(i)]);
    Tensor row = kept.exps.slice({i, i + 1}), sum = kept.sums.slice({i, i + 1});
    scale(row, factor);
    scale(sum, factor);
  }
  kept.sums = group.all_reduce(PartialSum(kept.sums));
  return cross_entropy(kept.sums, max, target_logits);
}

Tensor head_backward(Communicator& group, const Tensor& x, const Tensor& e, const Tensor& targets,
                     int64_t vocabulary, HeadKept& kept, Tensor& de) {
  const int64_t first = vocabulary_part(vocabulary, group.size(), group.rank()).begin;
  cross_entropy_backward(kept.exps, kept.sums, targets, first, 1.0f / static_cast<float>(x.rows()));
  add_matmul(de, transposed(kept.exps), x);
  return group.all_reduce(PartialSum(matmul(kept.exps, e)));
}

}  // namespace shard
