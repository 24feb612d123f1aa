// expect: minus 1 × what the tokens add: it is missing: it was never added, or times 0: 1 / n is 0 in whole numbers
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/tensor/ops.h"
#include "exercises/08_vocab_parallel/1_embedding.h"

namespace shard {

Tensor embed_scattered(Communicator& group, const Tensor& table, const Tensor& ids,
                       int64_t vocabulary) {
  const int64_t first = vocabulary_part(vocabulary, group.size(), group.rank()).begin;
  return group.reduce_scatter(PartialSum(gather_rows(table, ids, first)));
}

void embed_scattered_backward(Communicator& group, Tensor& dtable, const Tensor& ids,
                              const Tensor& dy, int64_t vocabulary) {
  const int64_t first = vocabulary_part(vocabulary, group.size(), group.rank()).begin;
  Tensor all = group.all_gather(dy, part_sizes(ids.elements(), group.size()));
  scale(all, static_cast<float>(1 / group.size()));
  add_to_rows(dtable, ids, all, first);
}

}  // namespace shard
