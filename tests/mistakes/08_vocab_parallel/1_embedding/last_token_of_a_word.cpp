// expect: your table's gradient is what it held before plus the last token's dY for each word
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
  const Tensor all = group.all_gather(dy, part_sizes(ids.elements(), group.size()));
  const std::vector<int32_t> words = ids.to_host_int();
  const Tensor before = dtable.clone();
  for (int64_t i = 0; i < std::ssize(words); ++i) {
    const int64_t row = words[i] - first;
    if (row < 0 || row >= dtable.rows()) continue;
    Tensor here = dtable.slice({row, row + 1});
    copy(here, add(before.slice({row, row + 1}), all.slice({i, i + 1})));
  }
}

}  // namespace shard
