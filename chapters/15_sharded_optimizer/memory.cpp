#include "chapters/15_sharded_optimizer/memory.h"

#include <cmath>

#include "chapters/10_tensor_and_data_parallel/adamw_optimizer.h"
#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "chapters/15_sharded_optimizer/costs.h"
#include "chapters/15_sharded_optimizer/sharded_adamw.h"

namespace shard::chapter_15 {
namespace {

/// The bytes that a model with reduction and optimizer takes on this rank.
int64_t state_bytes(Runtime& runtime, const Settings& s, Parts parts) {
  const int64_t before = runtime.backend().bytes_in_use();
  Grid grid(runtime.world(), {{"tp", static_cast<int>(s.tp)},
                              {"dp", runtime.world().size() / static_cast<int>(s.tp)}});
  Gpt model(grid.tp(), s.sizes, {s.training.seed, 0.1f, 0.1f});
  const Parameters parameters = model.parameters();
  if (!parts) {
    const BucketedReduction reduction(grid, parameters, DataType::f32);
    const AdamWOptimizer optimizer(grid, parameters, s.training);
    return runtime.backend().bytes_in_use() - before;
  }
  const GradientShards shards(grid, parameters, *parts, DataType::f32, Settings::bucket_bytes);
  const ShardedAdamW optimizer(shards, parameters, s.training);
  return runtime.backend().bytes_in_use() - before;
}

int64_t zero_of(Parts parts) {
  if (!parts) return 0;
  return *parts == Sharding::moments ? 1 : 2;
}

std::string formula_of(const StateBytes& each, int64_t zero) {
  const SharedState state = shared_state(each, zero);
  const int64_t everywhere = state.everywhere.total(), shared_out = state.shared_out.total();
  return shared_out == 0 ? text(everywhere, "·Ψ")
                         : text("(", everywhere, " + ", shared_out, "/d)·Ψ");
}

}  // namespace

void show_memory(Runtime& runtime, Report& report, const Settings& s) {
  Run run(runtime.world(), s, Sharding::gradients);
  const int64_t d = run.data_parallel();
  int64_t elements = 0, padded = 0;
  for (const GradientShards::Bucket& bucket : run.shards->buckets()) {
    elements += bucket.flat.elements();
    padded += bucket.flat.padded();
  }
  report.heading(text("Weights, gradients and moments of Ψ = ", elements, " parameters, padded to ",
                      padded, ", d = ", d));
  Table table({"", "bytes on a rank", "formula", "bytes / Ψ"});
  std::string wrong;
  for (const Parts parts : {unsharded, Parts(Sharding::moments), Parts(Sharding::gradients)}) {
    const StateBytes each = state_of_parameter(s.training.precision);
    const int64_t zero = zero_of(parts), bytes = state_bytes(runtime, s, parts),
                  expected = state_on_rank(each, zero, parts ? padded : elements, d).total();
    table.row({name_of(parts), text(bytes), formula_of(each, zero),
               fixed(static_cast<double>(bytes) / static_cast<double>(elements))});
    if (bytes != expected)
      wrong += text(name_of(parts), ": ", bytes, " instead of ", expected, " ");
  }
  report.table(table);
  report.check("the bytes of the formulas, exactly, padding included", wrong.empty(), wrong);
  run.step(0);
  report.line(
      text("  ZeRO-2's gradients: ", bytes_text(static_cast<double>(run.shards->peak_bytes())),
           " at most during the step, ", bytes_text(static_cast<double>(run.shards->bytes())),
           " after it"));
  report.check("after a step, gradients are 4·Ψ/d bytes", run.shards->bytes() == 4 * padded / d);
}

/// 16-bit weights and gradients, and 12 bytes of state, as mixed precision had then.
void show_table_1(Report& report) {
  struct Row {
    double billions;
    int ranks;
    double published[3];  // GB, as printed there
    double digit[3];      // what one is in the last digit printed
  };
  // the table's columns are P_os, P_os+g and P_os+g+p: ZeRO-1, 2 and 3
  constexpr Row rows[] = {{7.5, 1, {120, 120, 120}, {1, 1, 1}},
                          {7.5, 4, {52.5, 41.2, 30}, {0.1, 0.1, 1}},
                          {7.5, 16, {35.6, 21.6, 7.5}, {0.1, 0.1, 0.1}},
                          {7.5, 64, {31.4, 16.6, 1.88}, {0.1, 0.1, 0.01}},
                          {7.5, 256, {30.4, 15.4, 0.47}, {0.1, 0.1, 0.01}},
                          {7.5, 1024, {30.1, 15.1, 0.12}, {0.1, 0.1, 0.01}},
                          {128, 64, {536, 284, 32}, {1, 1, 1}},
                          {1000, 1024, {4011, 2013, 15.6}, {1, 1, 0.1}}};
  report.heading("GB a rank in mixed precision: computed here, and as ZeRO's Table 1 prints it");
  Table table({"parameters", "d", "ZeRO-1", "", "ZeRO-2", "", "ZeRO-3", ""});
  double worst = 0;  // in units of the last digit printed
  for (const Row& row : rows) {
    const double psi = row.billions, d = row.ranks;
    const double computed[3] = {4 * psi + 12 * psi / d, 2 * psi + 14 * psi / d, 16 * psi / d};
    std::vector<std::string> cells{text(psi, " billion"), text(row.ranks)};
    for (int i = 0; i < 3; ++i) {
      cells.push_back(fixed(computed[i], 3));
      cells.push_back(text(row.published[i]));
      worst = std::max(worst, std::abs(computed[i] - row.published[i]) / row.digit[i]);
    }
    table.row(cells);
  }
  report.table(table);
  report.check("all entries, to less than one in the last digit printed", worst < 1);
}

}  // namespace shard::chapter_15
