#include "chapters/20_context_parallel/attention_checks.h"

#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_20 {

using reference::Matrix;
using reference::relative_error;

namespace {

/// The log-sum-exps that a way has kept, from those of whole sequences [batch·heads × context]: of
/// its chunks' tokens one after the other, or of its heads.
Matrix expected_log_sum_exp(const ContextAttention& way, const Trial& trial) {
  const Matrix whole(trial.result.log_sum_exp);
  const int64_t heads = trial.sizes.heads, context = trial.sizes.context;
  const int c = way.group().size(), rank = way.group().rank();
  const bool by_heads = way.name() == "Ulysses";
  const Range own_heads = by_heads ? part_of(heads, c, rank) : Range{0, heads};
  const std::vector<Chunk> chunks =
      by_heads ? std::vector<Chunk>{{{0, context}}} : way.cut().chunks(context, rank);
  Matrix expected;
  for (const Chunk& chunk : chunks)
    for (int64_t sequence = 0; sequence < trial.sizes.batch; ++sequence)
      for (int64_t head = own_heads.begin; head < own_heads.end; ++head)
        for (int64_t at = chunk.positions.begin; at < chunk.positions.end; ++at)
          expected.values.push_back(whole(sequence * heads + head, at));
  expected.rows = 1, expected.columns = std::ssize(expected.values);
  return expected;
}

}  // namespace

void check_attention(Runtime& runtime, Report& report, const Trial& trial) {
  report.heading(text("Output, log-sum-exp and gradients against attention on whole sequences: ",
                      trial.sizes.batch, " of ", trial.sizes.context, " tokens"));
  Table table({"", "O", "log-sum-exp", "dQ", "dK", "dV"});
  const int64_t width = trial.sizes.width;
  const std::vector<Way> ways = ways_of(runtime.world());
  std::vector<double> largest;
  for (const Way& way : ways) {
    const Pass pass(runtime, *way, trial);
    const RowMap rows = trial.rows(*way);
    std::vector<double> errors{relative_error(pass.out, rows_of(trial.result.output, rows)),
                               relative_error(pass.kept.result.log_sum_exp,
                                              expected_log_sum_exp(*way, trial))};
    const Tensor expected = rows_of(trial.dqkv, rows);
    for (int64_t matrix = 0; matrix < 3; ++matrix) {
      const Range columns{matrix * width, (matrix + 1) * width};
      errors.push_back(
          relative_error(columns_of(pass.dqkv, columns), columns_of(expected, columns)));
    }
    std::vector<std::string> row{name_of(*way)};
    for (double& error : errors) {
      error = runtime.world().max_of(error);
      row.push_back(scientific(error));
    }
    table.row(row);
    largest.push_back(reference::largest(errors));
  }
  report.table(table);
  for (size_t i = 0; i < ways.size(); ++i)
    report.check(name_of(*ways[i]) + ": all five", largest[i], 1e-6);
}

}  // namespace shard::chapter_20
