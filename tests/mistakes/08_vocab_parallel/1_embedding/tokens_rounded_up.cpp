// expect: exercise 08.1, 13 tokens, t = 3: an exception where none is asked for:
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
  // [tokens × width]
  const int64_t tokens = ids.elements(), each = (tokens + group.size() - 1) / group.size();
  std::vector<int64_t> rows;
  for (int64_t begin = 0, rank = 0; rank < group.size(); ++rank, begin += each)
    rows.push_back(std::clamp<int64_t>(tokens - begin, 0, each));
  const Tensor all = group.all_gather(dy, rows);
  add_to_rows(dtable, ids, all, first);
}

}  // namespace shard
