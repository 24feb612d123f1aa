#include "chapters/20_context_parallel/context_parallel_gpt.h"

#include <algorithm>

#include "chapters/20_context_parallel/rows_in_order.h"
#include "common/tensor/ops.h"

namespace shard {

/// The entries of x, i32, that these rows of the batch from row `first` on are. On the device, so
/// that nothing waits for it.
static Tensor entries_of(const Tensor& x, const RowMap& rows, int64_t first) {
  const Tensor some(x.backend(), {rows.rows()}, x.type());
  int64_t begin = 0;
  for (const Range& range : rows.ranges()) {
    Tensor place = some.slice({begin, begin + range.size()});
    copy(place, x.slice({range.begin - first, range.end - first}));
    begin += range.size();
  }
  return some;
}

CutBatch cut_batch(const SequenceCut& cut, int rank, const Batch& batch, Range sequences) {
  const int64_t context = batch.tokens.elements() / batch.sequences;
  const RowMap rows = cut.rows(sequences, context, rank);
  const int64_t first = sequences.begin * context;
  return {{entries_of(batch.tokens, rows, first), entries_of(batch.targets, rows, first),
           batch.sequences},
          rows};
}

Tensor of_all_ranks(const ContextAttention& inside, const Tensor& own, int64_t sequences,
                    int64_t context) {
  const RowsInOrder order(own.backend(), inside.cut(), {.batch = sequences, .context = context});
  const bool is_vector = own.shape().rank() == 1;
  const Tensor rows = is_vector ? own.reshape({own.elements(), 1}) : own;
  const Tensor all = order.by_position(inside.group().all_gather(rows, order.of_ranks()));
  return is_vector ? all.reshape({all.elements()}) : all;
}

int64_t tokens_with_loss(Communicator& group, const Batch& batch) {
  const std::vector<int32_t> targets = batch.targets.to_host_int();
  const auto own = std::ssize(targets) - std::ranges::count(targets, no_target);
  return static_cast<int64_t>(group.sum_of(static_cast<double>(own)));
}

BasicGpt<ContextParallelBlock>::MakeBlock context_parallel_block(
    Communicator& tp, const GptSizes& sizes, const Init& init,
    std::shared_ptr<const ContextAttention> inside) {
  return [&tp, sizes, init, inside](const std::string& name, float projection) {
    return std::make_unique<ContextParallelBlock>(
        tp, name, sizes.width, init,
        [&](const std::string& place) {
          return ContextParallelAttention(tp, place, sizes.width, sizes.heads, init, projection,
                                          inside);
        },
        [&](const std::string& place) {
          return FusedMlp(tp, place, sizes.width, 4 * sizes.width, init, projection);
        });
  };
}

ContextParallelGpt::ContextParallelGpt(Communicator& tp,
                                       std::shared_ptr<const ContextAttention> inside,
                                       const GptSizes& sizes, const Init& init)
    : ContextParallel(inside, tp, sizes, init, GptStage{.layers = {0, sizes.layers}},
                      context_parallel_block(tp, sizes, init, inside)) {
  inside->cut().require_tokens(sizes.context);
}

}  // namespace shard
