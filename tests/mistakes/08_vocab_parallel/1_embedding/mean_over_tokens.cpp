// expect: your table's gradient is what it held before plus a mean: what the tokens add was divided by the number of tokens
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
  scale(all, 1.0f / static_cast<float>(ids.elements()));
  add_to_rows(dtable, ids, all, first);
}

}  // namespace shard
