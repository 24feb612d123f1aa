#include "chapters/20_context_parallel/attention_checks.h"

#include "common/check/calls.h"
#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_20 {

using reference::larger;
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

/// Exchanges of c ranks of which `bytes` leave and as many arrive, `calls` times.
std::vector<Calls> hops(int64_t calls, int64_t sent, int64_t received) {
  if (calls == 0) return {};
  return {{Collective::send, calls, sent}, {Collective::receive, calls, received}};
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

//! [20-traffic]
void check_traffic(Runtime& runtime, Report& report, const Trial& trial) {
  report.heading("What rank 0 sends of one layer, in units of N·h: N tokens of all ranks, width h");
  const int64_t c = runtime.world().size(), rank = runtime.world().rank();
  const int64_t rows = trial.sizes.batch * trial.sizes.context, width = trial.sizes.width;
  const double unit = 4.0 * static_cast<double>(rows * width);
  Table table({"", "forward", "formula", "", "backward", "formula", ""});
  for (const Way& way : ways_of(runtime.world())) {
    const Pass pass(runtime, *way, trial);
    const auto kv = [&](int64_t owner) {  // bytes of a rank's keys and values
      const int64_t tokens = way->cut().tokens(trial.sizes.context, static_cast<int>(owner % c));
      return 4 * trial.sizes.batch * tokens * 2 * width;
    };
    const double ring = 2.0 * static_cast<double>(c - 1) / static_cast<double>(c),
                 ulysses = 4.0 * static_cast<double>(c - 1) / static_cast<double>(c * c);
    double forward = ring, backward = ring;
    const char *forward_text = "2(c-1)/c", *backward_text = "2(c-1)/c";
    if (way->name() == "ring") {
      int64_t sent = 0, received = 0;  // in c-1 hops: all but the next rank's, and but its own
      for (int64_t owner = 0; owner < c; ++owner) {
        sent += owner == (rank + 1) % c ? 0 : kv(owner);
        received += owner == rank ? 0 : kv(owner);
      }
      const int64_t all = sent + kv(rank + 1);
      check_calls(report, name_of(*way) + ": forward, c-1 hops of k and v", pass.forward,
                  hops(c - 1, sent, received));
      check_calls(report, name_of(*way) + ": backward, c-1 hops again, and c of dk and dv",
                  pass.backward, hops(c == 1 ? 0 : 2 * c - 1, sent + all, received + all));
      backward = c == 1 ? 0 : ring + 2, backward_text = "2(c-1)/c + 2";
    } else if (way->name() == "Ulysses") {
      const int64_t out = kv(rank) / 2;  // bytes of this rank's output
      const std::vector<Calls> calls{{Collective::all_to_all, 1, 3 * out},
                                     {Collective::all_to_all, 1, 4 * rows * width / c}};
      check_calls(report, "Ulysses: forward, all-to-alls of q k v and of the output", pass.forward,
                  calls);
      check_calls(report, "Ulysses: backward, of the output's gradient and of dq dk dv",
                  pass.backward,
                  {{Collective::all_to_all, 1, out},
                   {Collective::all_to_all, 1, 3 * 4 * rows * width / c}});
      forward = backward = ulysses, forward_text = backward_text = "4(c-1)/c²";
    } else {
      int64_t most = 0;
      for (int64_t owner = 0; owner < c; ++owner) most = std::max(most, kv(owner));
      check_calls(report, "all-gather: forward, keys and values", pass.forward,
                  {{Collective::all_gather, 1, kv(rank)}});
      check_calls(report, "all-gather: backward, one reduce-scatter of dk and dv", pass.backward,
                  {{Collective::reduce_scatter, 1, c * most}});
    }
    const auto shown = [&](const Ledger& ledger) {
      return fixed(static_cast<double>(ledger.sent()) / unit, 3);
    };
    table.row({name_of(*way), shown(pass.forward), fixed(forward, 3), forward_text,
               shown(pass.backward), fixed(backward, 3), backward_text});
    const double sent = runtime.world().sum_of(static_cast<double>(pass.forward.sent())),
                 back = runtime.world().sum_of(static_cast<double>(pass.backward.sent()));
    if (c > 1 && trial.sizes.context % (2 * c) == 0)
      report.check(name_of(*way) + ": all ranks together send c times the formula",
                   larger(relative_error(sent, forward * unit * static_cast<double>(c)),
                          relative_error(back, backward * unit * static_cast<double>(c))),
                   1e-6);
  }
  report.table(table);
}
//! [20-traffic]

}  // namespace shard::chapter_20
