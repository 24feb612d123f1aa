// expect: 1 all_reduce on world where none is allowed; 0 all_gathers instead of 1
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
  Tensor all = Tensor::zeros(dy.backend(), {ids.elements(), dy.columns()});
  Tensor here = all.slice(part_of(ids.elements(), group.size(), group.rank()));
  copy(here, dy);
  add_to_rows(dtable, ids, group.all_reduce(PartialSum(all)), first);
}

}  // namespace shard
