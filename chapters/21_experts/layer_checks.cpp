#include "chapters/21_experts/layer_checks.h"

#include "chapters/21_experts/costs.h"
#include "chapters/21_experts/mixture_reference.h"
#include "common/check/calls.h"
#include "common/check/compare.h"

namespace shard::chapter_21 {

using reference::larger;
using reference::Matrix;
using reference::relative_error;

static constexpr int64_t empty_expert = 4;

void show_counts(Runtime& runtime, Report& report, const Sizes& sizes) {
  const int ranks = runtime.world().size();
  Trial trial(runtime, sizes, {1, ranks}, settings_of(sizes), empty_expert);
  Pass pass(runtime, trial.layer, trial.x, trial.dy);
  report.heading(text("The choices of ", sizes.tokens, " tokens, ", sizes.chosen, " each, of ",
                      sizes.experts, " experts; none may choose expert ", empty_expert));
  std::vector<std::string> head{"rank", "tokens"};
  for (int64_t expert = 0; expert < sizes.experts; ++expert) head.push_back(text("→ ", expert));
  for (int rank = 0; rank < ranks; ++rank) head.push_back(text("to rank ", rank));
  Table table(head);
  const ExpertCounts& counts = pass.kept.router.counts;
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<std::string> row{text(rank), text(tokens_of(sizes.tokens, ranks, rank).size())};
    for (int64_t expert = 0; expert < sizes.experts; ++expert)
      row.push_back(text(counts.at(rank, expert)));
    for (int to = 0; to < ranks; ++to) {
      const Range theirs = part_of(sizes.experts, ranks, to);
      int64_t rows = 0;
      for (int64_t expert = theirs.begin; expert < theirs.end; ++expert)
        rows += counts.at(rank, expert);
      row.push_back(text(rows));
    }
    table.row(row);
  }
  report.table(table);
  report.check("all counts together are k for each token",
               counts.total() == sizes.chosen * sizes.tokens);
  report.check("an expert without tokens has none", counts.of_expert(empty_expert) == 0);
}

void check_layouts(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading("The layer in every layout against the unsplit layer: largest error of any rank");
  Table table({"tp × ep × edp", "Y", "dX", "d router", "d experts"});
  const int ranks = runtime.world().size();
  double of_all = 0;
  for (const Layout& layout : layouts_of(ranks)) {
    Trial trial(runtime, sizes, layout, settings_of(sizes), empty_expert);
    const Pass split(runtime, trial.layer, trial.x, trial.dy),
        whole(runtime, trial.unsplit, trial.all_x, trial.all_dy);
    trial.sum_gradients();
    const auto largest = [&](double error) {
      of_all = larger(of_all, error);
      return scientific(runtime.world().max_of(error));
    };
    table.row({to_string(layout, ranks), largest(relative_error(split.y, whole.y.slice(trial.own))),
               largest(relative_error(split.dx, whole.dx.slice(trial.own))),
               largest(gradient_error(trial.layer.router.weight, trial.unsplit.router.weight)),
               largest(largest_gradient_error(trial.layer.experts.parameters(),
                                              trial.unsplit.experts.parameters()))});
  }
  report.table(table);
  report.check("Y, dX and all gradients are those of the unsplit layer", of_all, 1e-5);
}

void check_formula(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading("The formula: the unsplit layer, with a balance loss of 0.5");
  for (const RouterWeights by : {RouterWeights::of_all, RouterWeights::of_chosen}) {
    ExpertSettings settings = settings_of(sizes, by);
    settings.router.balance = 0.5f;
    Trial trial(runtime, sizes, {1, 1}, settings);
    const Pass pass(runtime, trial.unsplit, trial.all_x, trial.all_dy);
    const MixtureReference mixture{settings, sizes.hidden};
    const Variables variables = variables_of(trial.all_x, pass.dx, trial.unsplit.parameters());
    const Points points = points_of(variables);
    const auto forward = [&](const Points& at) {
      return mixture.forward(at[0], std::span(at).subspan(1));
    };
    const std::string name =
        by == RouterWeights::of_all ? "softmax, then top-k" : "top-k, then softmax";
    report.check(name + ": Y against double precision", relative_error(pass.y, forward(points)),
                 1e-5);
    const Loss loss = [&](const Points& at) {
      return dot(forward(at), Matrix(trial.all_dy)) + mixture.balance_loss(at[0], at[1]);
    };
    const std::vector<double> errors = finite_difference_errors(
        loss, variables, {runtime.options().seed, stream_of("samples")}, 4);
    report.check(name + ": dX, router and experts against finite differences",
                 reference::largest(errors), 1e-4);
  }
}

void check_calls_of_layer(Runtime& runtime, Report& report, const Sizes& sizes) {
  const int ranks = runtime.world().size();
  report.heading(text("What the layer communicates with e = ", ranks, ": rank 0's ledger"));
  Trial trial(runtime, sizes, {1, ranks}, settings_of(sizes));
  const Pass pass(runtime, trial.layer, trial.x, trial.dy);
  report.ledger(pass.ledger);
  int64_t came = 0;
  for (int64_t rows : pass.kept.rows_from) came += rows;
  const ExpertWork work{.tokens = trial.own.size(),
                        .arrived = came,
                        .width = sizes.width,
                        .experts = sizes.experts,
                        .chosen = sizes.chosen};
  std::vector<Calls> expected = sums_over_tp(work, 1);
  expected.insert(expected.end(), {exchanges_of(work, 1), gathers_of_counts(work, 1)});
  check_calls(report, "4 all_to_alls: k·N·h twice, what came twice; counts; sums over tp",
              pass.ledger, expected);
  double given = 0;
  for (const LedgerRow& entry : pass.ledger.rows())
    if (entry.op == Collective::all_to_all) given += static_cast<double>(entry.bytes);
  const auto per_exchange = static_cast<double>(4 * sizes.chosen * sizes.tokens * sizes.width);
  report.check("all ranks together give each exchange 4·k·T·h bytes",
               runtime.world().sum_of(given) == 4 * per_exchange);
}

}  // namespace shard::chapter_21
