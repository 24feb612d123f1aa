#include "chapters/13_sequence_parallel/block_checks.h"

#include "common/check/calls.h"
#include "common/check/compare.h"

namespace shard::chapter_13 {

using namespace reference;

/// "sequence 1, token 5" of row `row`.
static std::string place_of(int64_t row, int64_t context) {
  return text("sequence ", row / context, ", token ", row % context);
}

void show_rows(Runtime& runtime, Report& report, const Trial& trial) {
  const Sizes& s = trial.whole.sizes;
  const int ranks = runtime.world().size();
  report.heading(
      text("The rows of ", s.batch, " sequences of ", s.context, " tokens, cut by t = ", ranks));
  Table table({"rank", "rows", "from", "to"});
  for (int rank = 0; rank < ranks; ++rank) {
    const Range part = part_of(s.batch * s.context, ranks, rank);
    table.row({text(rank), text(part.size()), place_of(part.begin, s.context),
               place_of(part.end - 1, s.context)});
  }
  report.table(table);
}

void check_block(Runtime& runtime, Report& report, Trial& trial, const DropoutMoment& moment) {
  chapter_07::Trial& whole = trial.whole;
  Pass<OwnRowsBlock> own = pass_of(runtime, trial, trial.again, moment);
  trial.sum_over_tp(trial.again);
  const auto unsplit = pass_of(runtime, trial, whole.unsplit, moment);
  const auto expected = [&](const Points& points) { return whole.expected(points, moment); };
  const Tensor in_double = to_tensor(runtime.backend(), expected(whole.points));
  report.check("Y, own rows, against double precision",
               relative_error(own.y, in_double.slice(trial.own)), 1e-5);
  report.check("Y against the unsplit block", relative_error(own.y, unsplit.y.slice(trial.own)),
               1e-5);
  report.check("dX against the unsplit block", relative_error(own.dx, unsplit.dx.slice(trial.own)),
               1e-5);
  const Parameters parameters = whole.unsplit.parameters();
  report.check("gradients of all parameters",
               largest_gradient_error(trial.again.parameters(), parameters), 1e-5);
  const std::vector<double> errors =
      finite_difference_errors(loss_of(expected, Matrix(whole.dy)),
                               variables_of(whole.x, unsplit.dx, parameters),
                               {runtime.options().seed, stream_of("samples")}, 4);
  report.check("dX and all gradients against finite differences", largest(errors), 1e-4);
}

void check_partial_gradients(Runtime& runtime, Report& report, Trial& trial,
                             const DropoutMoment& moment) {
  report.heading("Gradients over own rows: rank 0's, before and after the one all-reduce");
  pass_of(runtime, trial, trial.whole.unsplit, moment);
  pass_of(runtime, trial, trial.kept, moment);
  const Parameters split = trial.kept.parameters(), unsplit = trial.whole.unsplit.parameters();
  std::vector<double> before;
  for (size_t i = 0; i < split.size(); ++i)
    before.push_back(gradient_error(*split[i], *unsplit[i]));
  const Ledger start = runtime.ledger();
  trial.sum_over_tp(trial.kept);
  const Ledger sum = runtime.ledger().since(start);
  Table table({"gradient", "elements", "error before", "after"});
  int64_t elements = 0;
  double of_others = 0;
  for (size_t i = 0; i < split.size(); ++i) {
    if (!split[i]->is_partial_over("tp")) {
      of_others = larger(of_others, before[i]);
      continue;
    }
    elements += split[i]->gradient.elements();
    table.row({split[i]->name, text(split[i]->gradient.elements()), scientific(before[i]),
               scientific(gradient_error(*split[i], *unsplit[i]))});
  }
  report.table(table);
  report.check("all others are complete before it", of_others, 1e-5);
  report.check("both forms: all gradients after it", largest_gradient_error(split, unsplit), 1e-5);
  const int64_t bytes = elements * int64_t{sizeof(float)};
  check_calls(report, "one all-reduce for all of them", sum,
              runtime.world().size() == 1
                  ? std::vector<Calls>{}
                  : std::vector<Calls>{{.op = Collective::all_reduce, .bytes = bytes}});
}

/// Of a ledger with these calls.
static std::vector<Calls> gathers_and_scatters(const Trial& trial, int64_t gathers,
                                               int64_t scatters) {
  return {{.op = Collective::all_gather, .calls = gathers, .bytes = gathers * trial.x.bytes()},
          {.op = Collective::reduce_scatter,
           .calls = scatters,
           .bytes = scatters * trial.whole.x.bytes()}};
}

void compare_collectives(Runtime& runtime, Report& report, Trial& trial) {
  report.heading("What a block communicates, forward and backward");
  const auto replicated = pass_of(runtime, trial, trial.whole.split, {});
  const auto again = pass_of(runtime, trial, trial.again, {}),
             kept = pass_of(runtime, trial, trial.kept, {});
  Table table({"", "all-reduce", "all-gather", "reduce-scatter", "sent by all ranks"});
  const auto sent_by_all = [&](const char* name, const auto& pass) {
    const auto calls = [&](Collective op) {
      return text(pass.forward.calls(op), " + ", pass.backward.calls(op));
    };
    const double sent = runtime.world().sum_of(static_cast<double>(pass.both.sent()));
    table.row({name, calls(Collective::all_reduce), calls(Collective::all_gather),
               calls(Collective::reduce_scatter), bytes_text(sent)});
    return sent;
  };
  const double of_tensor = sent_by_all("tensor parallel", replicated),
               of_again = sent_by_all("sequence parallel, gathered again", again),
               of_kept = sent_by_all("sequence parallel, gathered input kept", kept);
  report.table(table);
  report.line("  The ledger of rank 0, gathered again:");
  report.ledger(again.both);
  check_calls(report, "forward: 2 all-gathers of own rows, 2 reduce-scatters of all rows",
              again.forward, gathers_and_scatters(trial, 2, 2));
  check_calls(report, "backward: 4 all-gathers, 2 reduce-scatters", again.backward,
              gathers_and_scatters(trial, 4, 2));
  check_calls(report, "with the gathered input kept: forward the same", kept.forward,
              gathers_and_scatters(trial, 2, 2));
  check_calls(report, "backward: 2 all-gathers, 2 reduce-scatters", kept.backward,
              gathers_and_scatters(trial, 2, 2));
  report.check("both forms give the same bits",
               same_bits(again.y, kept.y) && same_bits(again.dx, kept.dx));
  if (runtime.world().size() == 1) return report.line("  With one rank nothing is sent.");
  report.check("with it kept, all ranks send what they send with 4 all-reduces",
               relative_error(of_kept, of_tensor), 1e-3);
  report.check("gathered again, a quarter more", relative_error(of_again, 1.25 * of_kept), 1e-3);
}

}  // namespace shard::chapter_13
