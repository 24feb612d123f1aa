// expect: rank 0: all_gather of 28 f32 (#2), rank 1: all_gather of 28 f32 (#2), rank 2: all_gather of 21 f32 (#2)
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
  add_to_rows(dtable, ids, group.all_gather(dy), first);
}

}  // namespace shard
