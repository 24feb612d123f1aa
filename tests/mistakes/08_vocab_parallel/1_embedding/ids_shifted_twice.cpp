// expect: ranks 0, 1: your Y is looked up with ids from which the part's begin was subtracted twice
// ranks: 2
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/tensor/ops.h"
#include "exercises/08_vocab_parallel/1_embedding.h"

namespace shard {

static Tensor shifted(const Tensor& ids, int64_t first) {
  std::vector<int32_t> words = ids.to_host_int();
  for (int32_t& word : words) word -= static_cast<int32_t>(first);
  return Tensor::from(ids.backend(), ids.shape(), std::span<const int32_t>(words));
}

Tensor embed_scattered(Communicator& group, const Tensor& table, const Tensor& ids,
                       int64_t vocabulary) {
  const int64_t first = vocabulary_part(vocabulary, group.size(), group.rank()).begin;
  return group.reduce_scatter(PartialSum(gather_rows(table, shifted(ids, first), first)));
}

void embed_scattered_backward(Communicator& group, Tensor& dtable, const Tensor& ids,
                              const Tensor& dy, int64_t vocabulary) {
  const int64_t first = vocabulary_part(vocabulary, group.size(), group.rank()).begin;
  const Tensor all = group.all_gather(dy, part_sizes(ids.elements(), group.size()));
  add_to_rows(dtable, ids, all, first);
}

}  // namespace shard
