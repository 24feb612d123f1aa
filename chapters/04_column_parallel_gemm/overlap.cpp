#include "chapters/04_column_parallel_gemm/overlap.h"

#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"
#include "common/check/reference.h"
#include "common/check/timing.h"
#include "common/tensor/ops.h"

namespace shard::chapter_04 {

using namespace reference;

/// ColumnParallelLinear::backward with its steps one after the other: no rank computes during the
/// all-reduce.
static Tensor backward_in_sequence(Communicator& world, ColumnParallelLinear& layer,
                                   const Tensor& x, const Tensor& dy) {
  Tensor dx = world.all_reduce(PartialSum(matmul(dy, transposed(layer.weight.value))));
  add_matmul(layer.weight.open_gradient(), transposed(x), dy);
  add_column_sums(layer.bias.open_gradient(), dy);
  return dx;
}

void show_overlap(Runtime& runtime, Report& report, const OverlapSizes& sizes) {
  const int64_t tokens = sizes.tokens, in = sizes.width, out = 4 * in;
  report.heading(
      text("Overlap in the backward pass: X [", tokens, " × ", in, "], A [", in, " × ", out, "]"));
  Communicator& world = runtime.world();
  const uint64_t seed = runtime.options().seed;
  ColumnParallelLinear layer(world, "timed", in, out,
                             {.seed = seed, .weight = 0.3f, .vector = 0.5f});
  const Tensor x =
      to_tensor(runtime.backend(), random_matrix(tokens, in, {seed, stream_of("timed x")}));
  ColumnParallelLinear::Kept kept;
  // any gradient will do, and this one has the right shape
  const Tensor dy = layer.forward(x, kept);

  const Ledger before = runtime.ledger();
  Ledger when_da_was_ready;
  Listener listener =
      layer.weight.on_gradient_ready([&] { when_da_was_ready = runtime.ledger().since(before); });
  const Tensor dx = layer.backward(dy, kept);
  const double seconds = runtime.ledger().since(before).seconds();
  listener.reset();
  report.check("when dA was ready, the all-reduce had been started",
               when_da_was_ready.calls() == 1);
  report.check("and it was waited for afterwards", seconds > when_da_was_ready.seconds());
  report.check("the same dX as in sequence",
               relative_error(dx, backward_in_sequence(world, layer, x, dy)), 1e-6);

  const std::vector<Timing> timings = time_in_turns(
      runtime,
      {[&] { backward_in_sequence(world, layer, x, dy); }, [&] { layer.backward(dy, kept); }},
      sizes.repeat);
  Table table({text("backward, median of ", sizes.repeat), "time", "of it in collectives"});
  table.row({"all-reduce, then dA", seconds_text(timings[0].seconds),
             seconds_text(timings[0].communication)});
  table.row({"all-reduce during dA", seconds_text(timings[1].seconds),
             seconds_text(timings[1].communication)});
  report.table(table);
  report.line(
      "  MPI moves data mostly while a rank is inside an MPI call, so the wait still does most of "
      "the sum, and");
  report.line(
      "  the gain may be none. NCCL sums in kernels of its own, which run beside those of the "
      "product.");
  report.result("milliseconds_in_sequence", 1e3 * timings[0].seconds);
  report.result("milliseconds_overlapped", 1e3 * timings[1].seconds);
}

}  // namespace shard::chapter_04
