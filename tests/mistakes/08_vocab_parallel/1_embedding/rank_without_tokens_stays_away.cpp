// expect: exercise 08.1, 2 tokens, t = 3: rank 2 has returned from your function; rank 0 waits in all_gather of 7 f32
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/tensor/ops.h"
#include "exercises/08_vocab_parallel/1_embedding.h"

namespace shard {

Tensor embed_scattered(Communicator& group, const Tensor& table, const Tensor& ids,
                       int64_t vocabulary) {
  const int64_t first = vocabulary_part(vocabulary, group.size(), group.rank()).begin;
  // [tokens/t × width]: one rank's row + zeros
  return group.reduce_scatter(PartialSum(gather_rows(table, ids, first)));
}

void embed_scattered_backward(Communicator& group, Tensor& dtable, const Tensor& ids,
                              const Tensor& dy, int64_t vocabulary) {
  const int64_t first = vocabulary_part(vocabulary, group.size(), group.rank()).begin;
  if (dy.rows() == 0) return;
  const Tensor all = group.all_gather(dy, part_sizes(ids.elements(), group.size()));
  add_to_rows(dtable, ids, all, first);
}

}  // namespace shard
