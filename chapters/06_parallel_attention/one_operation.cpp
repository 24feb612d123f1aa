#include "chapters/06_parallel_attention/one_operation.h"

#include "chapters/06_parallel_attention/fused_attention.h"
#include "common/base/format.h"
#include "common/check/compare.h"
#include "common/check/timing.h"

namespace shard::chapter_06 {

void check_one_operation(Runtime& runtime, Report& report, Trial& trial,
                         const AttentionDropout& dropout, const Tensor& y, const Tensor& dx) {
  FusedAttention fused(runtime.world(), "attn", trial.sizes.width, trial.sizes.heads, trial.init,
                       trial.projection);
  FusedAttention::Kept kept;
  const Tensor y_fused = fused.forward(trial.x, trial.sizes.batch, dropout, kept);
  const Tensor dx_fused = fused.backward(trial.dy, kept);
  report.check("attention as one operation gives the same Y", reference::relative_error(y_fused, y),
               1e-5);
  report.check("the same dX", reference::relative_error(dx_fused, dx), 1e-5);
  report.check("the same gradients of the parameters as the unsplit layer",
               largest_gradient_error(fused.parameters(), trial.unsplit.parameters()), 1e-5);
}

namespace {

constexpr int64_t heads_a_rank = 4, head_width = 64;

/// Forward and backward passes of one sequence.
template <class Layer>
struct Passes {
  Layer layer;
  Tensor x;
  typename Layer::Kept kept;

  Passes(Runtime& runtime, int64_t context)
      : layer(runtime.world(), "attn", width(runtime), heads_a_rank * runtime.world().size(),
              {.seed = 1, .weight = 0.1f}, 0.1f),
        x(reference::to_tensor(runtime.backend(),
                               reference::random_matrix(context, width(runtime), {2, 3}))) {}
  static int64_t width(Runtime& runtime) {
    return heads_a_rank * head_width * runtime.world().size();
  }

  void run() {
    const Tensor y = layer.forward(x, 1, {}, kept);
    layer.backward(y, kept);  // any gradient will do, and this one has the right shape
  }
};

}  // namespace

void show_growing_contexts(Runtime& runtime, Report& report, int64_t largest) {
  report.heading(text("In steps and as one operation: one sequence, ", heads_a_rank, " heads of ",
                      head_width, " columns a rank"));
  constexpr int64_t repeat = 5;
  Table table({"context", "kept by the steps", "by one operation", text("time, median of ", repeat),
               "by one operation"});
  for (int64_t context = std::max<int64_t>(1, largest / 16); context <= largest; context *= 4) {
    Passes<ParallelAttention> steps(runtime, context);
    Passes<FusedAttention> fused(runtime, context);
    const std::vector<Timing> times =
        time_in_turns(runtime, {[&] { steps.run(); }, [&] { fused.run(); }}, repeat);
    table.row({text(context), bytes_text(bytes_of(steps.kept)), bytes_text(bytes_of(fused.kept)),
               seconds_text(times[0].seconds), seconds_text(times[1].seconds)});
    // of each query: a probability for each key, against the output and the log-sum-exp
    report.check(text("context ", context, ": no probabilities are kept"),
                 bytes_of(steps.kept) - bytes_of(fused.kept) ==
                     4 * heads_a_rank * context * (context - 1));
  }
  report.table(table);
}

}  // namespace shard::chapter_06
