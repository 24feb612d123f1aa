#include "chapters/20_context_parallel/trial.h"

#include <cmath>

#include "chapters/20_context_parallel/gathered_attention.h"
#include "chapters/20_context_parallel/ring_attention.h"
#include "chapters/20_context_parallel/ulysses_attention.h"
#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_20 {

std::vector<Way> ways_of(Communicator& group) {
  return {std::make_shared<RingAttention>(group, CutKind::contiguous),
          std::make_shared<RingAttention>(group, CutKind::zigzag),
          std::make_shared<UlyssesAttention>(group, CutKind::contiguous),
          std::make_shared<GatheredAttention>(group, CutKind::zigzag)};
}

std::string name_of(const ContextAttention& way) {
  return way.name() + ", " + to_string(way.cut().kind);
}

Tensor rows_of(const Tensor& x, const RowMap& rows) {
  std::vector<int32_t> numbers;
  for (const Range& range : rows.ranges())
    for (int64_t row = range.begin; row < range.end; ++row)
      numbers.push_back(static_cast<int32_t>(row));
  return gather_rows(
      x, Tensor::from(x.backend(), {std::ssize(numbers)}, std::span<const int32_t>(numbers)), 0);
}

Trial::Trial(Runtime& runtime, const Sizes& s, float dropout)
    : sizes(s),
      sequences{.batch = s.batch,
                .context = s.context,
                .heads = s.heads,
                .dropout = {.probability = dropout,
                            .random = {runtime.options().seed, stream_of("dropout")},
                            .heads = s.heads,
                            .all_heads = s.heads,
                            .context = s.context}} {
  const auto random = [&](const char* name, int64_t columns) {
    return reference::to_tensor(
        runtime.backend(), reference::random_matrix(s.batch * s.context, columns,
                                                    {runtime.options().seed, stream_of(name)}));
  };
  qkv = random("qkv", 3 * s.width);
  dout = random("dout", s.width);
  dqkv = Tensor(runtime.backend(), qkv.shape());
  const auto heads = [&](const Tensor& x, int64_t matrix) {
    return heads_in_columns(x, matrix * s.width, s.batch, s.heads, s.width / s.heads);
  };
  const AttentionSettings settings{.scale = 1.0f / std::sqrt(static_cast<float>(s.width / s.heads)),
                                   .dropout = sequences.dropout};
  result = attention(heads(qkv, 0), heads(qkv, 1), heads(qkv, 2), settings);
  attention_backward(heads(dqkv, 0), heads(dqkv, 1), heads(dqkv, 2), heads(dout, 0), heads(qkv, 0),
                     heads(qkv, 1), heads(qkv, 2), result, settings);
}

Pass::Pass(Runtime& runtime, const ContextAttention& way, const Trial& trial) {
  const RowMap rows = trial.rows(way);
  const Tensor qkv = rows_of(trial.qkv, rows), dout = rows_of(trial.dout, rows);
  const Ledger start = runtime.ledger();
  const uint64_t before = runtime.backend().flops();
  out = way.forward(qkv, trial.sequences, kept);
  flops = static_cast<int64_t>(runtime.backend().flops() - before);
  const Ledger middle = runtime.ledger();
  dqkv = way.backward(dout, trial.sequences, kept);
  forward = middle.since(start), backward = runtime.ledger().since(middle);
}

}  // namespace shard::chapter_20
