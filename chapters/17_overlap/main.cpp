// Chapter 17: a product consumes its input while it arrives, and sends its output while it is
// computed: all-gather and reduce-scatter in chunks along a ring.
#include <algorithm>
#include <cmath>

#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "chapters/17_overlap/failing_designs.h"
#include "chapters/17_overlap/overlapped_mlp.h"
#include "chapters/17_overlap/schedule.h"
#include "chapters/17_overlap/times.h"
#include "chapters/17_overlap/trace_order.h"
#include "common/base/counted.h"
#include "common/check/calls.h"
#include "common/check/compare.h"
#include "common/check/finite_differences.h"
#include "common/tensor/ops.h"

using namespace shard;
using namespace shard::chapter_17;
using namespace shard::reference;

struct Sizes {
  int64_t rows = 26, width = 20, hidden = 36;
  int64_t chunks = 3;
};

/// Whole numbers from -9 to 9: their products and sums are exact in any order.
Tensor whole_numbers(Runtime& runtime, int64_t rows, int64_t columns, const std::string& name) {
  Matrix numbers = random_matrix(rows, columns, {runtime.options().seed, stream_of(name)});
  for (double& number : numbers.values) number = std::clamp(std::round(3 * number), -9.0, 9.0);
  return to_tensor(runtime.backend(), numbers);
}

/// What both products give in `chunks` chunks, or whole for 0, and what is communicated.
struct Products {
  Tensor x, y, z;  // gathered, multiplied by W, and this rank's rows of the sum of products
  Ledger gather, scatter;

  Products(Runtime& runtime, const Tensor& all, const Tensor& w, int chunks) {
    Communicator& world = runtime.world();
    const Tensor mine = all.slice(part_of(all.rows(), world.size(), world.rank()));
    const Ledger start = runtime.ledger();
    if (chunks == 0) {
      x = world.all_gather(mine, part_sizes(all.rows(), world.size()));
      y = matmul(x, w);
    } else {
      const GatheredProduct product = gather_matmul({world, chunks}, mine, all.rows(), w);
      x = product.x, y = product.y;
    }
    const Ledger middle = runtime.ledger();
    z = chunks == 0 ? world.reduce_scatter(PartialSum(matmul(all, w)))
                    : matmul_scatter({world, chunks}, all, w);
    gather = middle.since(start), scatter = runtime.ledger().since(middle);
  }
};

/// In chunks, against one collective and one product: the same bits, and as many bytes sent.
void check_products(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading(text("Both products in chunks, X [", sizes.rows, " × ", sizes.width,
                      "], against whole ones: whole numbers"));
  const Tensor x = whole_numbers(runtime, sizes.rows, sizes.width, "x"),
               w = whole_numbers(runtime, sizes.width, sizes.hidden,
                                 text("w", runtime.world().rank()));
  const Products whole(runtime, x, w, 0);
  Table table({"on rank 0", "chunks", "calls", "given", "sent"});
  const auto add_rows = [&](const std::string& chunks, const Products& products) {
    for (const auto& [name, ledger] :
         {std::pair{"gather", &products.gather}, {"scatter", &products.scatter}}) {
      for (const LedgerRow& row : ledger->rows()) {
        table.row({text(name, ": ", row.op), chunks, text(row.calls),
                   bytes_text(static_cast<double>(row.bytes)),
                   bytes_text(static_cast<double>(row.sent))});
      }
    }
  };
  add_rows("whole", whole);
  for (int chunks : {1, static_cast<int>(sizes.chunks)}) {
    const Products in_chunks(runtime, x, w, chunks);
    const std::string name = text(counted(chunks, "chunk"), " per rank: ");
    report.check(name + "X, Y and Z are the same bits",
                 in_chunks.x.to_host() == whole.x.to_host() &&
                     in_chunks.y.to_host() == whole.y.to_host() &&
                     in_chunks.z.to_host() == whole.z.to_host());
    const int64_t calls = chunks * (runtime.world().size() - 1);
    const auto exchanges = [&](const Ledger& sent_whole) -> std::vector<Calls> {
      return {{.op = Collective::send_receive, .calls = calls, .bytes = sent_whole.sent()}};
    };
    check_calls(report, name + "gather, (t-1)·chunks exchanges of what the all-gather sends",
                in_chunks.gather, exchanges(whole.gather));
    check_calls(report, name + "scatter, (t-1)·chunks exchanges of what the reduce-scatter sends",
                in_chunks.scatter, exchanges(whole.scatter));
    add_rows(text(chunks), in_chunks);
  }
  report.table(table);
}

/// An MLP on cut rows, with X and dZ, and what one pass gives.
template <class Mlp>
struct Pass {
  Tensor z, dx;  // [rows/t × width]
  Ledger forward, backward;

  Pass(Runtime& runtime, Mlp& mlp, const Tensor& x, const Tensor& dz) {
    const int t = runtime.world().size(), rank = runtime.world().rank();
    const RowMap mine = RowMap::of_sequences({0, 1}, x.rows()).part(t, rank);
    const Ledger start = runtime.ledger();
    typename Mlp::Kept kept;
    z = mlp.forward(x.slice(mine.ranges()[0]), mine, kept);
    const Ledger middle = runtime.ledger();
    dx = mlp.backward(dz.slice(mine.ranges()[0]), kept);
    forward = middle.since(start), backward = runtime.ledger().since(middle);
  }
};

/// Each backward pass is the other ring.
void check_mlp(Runtime& runtime, Report& report, const Sizes& sizes) {
  report.heading(text("An MLP on cut rows, ", sizes.width, " → ", sizes.hidden, " → ", sizes.width,
                      ", forward and backward in ", counted(sizes.chunks, "chunk"), " per rank"));
  Communicator& world = runtime.world();
  const uint64_t seed = runtime.options().seed;
  const Init init{.seed = seed, .weight = 0.3f, .vector = 0.5f};
  const auto alone = runtime.alone();
  OverlappedMlp chunked(world, "mlp", sizes.width, sizes.hidden, init, 0.2f,
                        static_cast<int>(sizes.chunks));
  SequenceParallel<FusedMlp> whole(Gathered::again, world, "mlp", sizes.width, sizes.hidden, init,
                                   0.2f);
  FusedMlp unsplit(*alone, "mlp", sizes.width, sizes.hidden, init, 0.2f);
  const auto random = [&](const char* name) {
    return to_tensor(runtime.backend(),
                     random_matrix(sizes.rows, sizes.width, {seed, stream_of(name)}));
  };
  const Tensor x = random("x"), dz = random("dz");
  FusedMlp::Kept kept;
  const Tensor z = unsplit.forward(x, kept), dx = unsplit.backward(dz, kept);
  const Pass in_chunks(runtime, chunked, x, dz);
  const Pass in_one(runtime, whole, x, dz);
  const Range mine = part_of(sizes.rows, world.size(), world.rank());
  check_split(report, "the unsplit MLP",
              {.y = in_chunks.z, .dx = in_chunks.dx, .parameters = chunked.parameters()},
              {.y = z.slice(mine), .dx = dx.slice(mine), .parameters = unsplit.parameters()}, 1e-5);
  report.check(
      "Y and dX against chapter 13, whole",
      larger(relative_error(in_chunks.z, in_one.z), relative_error(in_chunks.dx, in_one.dx)), 1e-5);
  const auto mlp = [](const Points& p) {  // X, A, b, B, c
    return add_bias(matmul(gelu(add_bias(matmul(p[0], p[1]), p[2])), p[3]), p[4]);
  };
  check_finite_differences(report, loss_of(mlp, Matrix(dz)),
                           variables_of(x, dx, unsplit.parameters()), {seed, stream_of("entries")},
                           1e-4);
  const int64_t exchanges = sizes.chunks * (world.size() - 1);
  check_calls(report, "forward: exchanges for X and Z, of the bytes that chapter 13 sends",
              in_chunks.forward,
              {{Collective::send_receive, 2 * exchanges, in_one.forward.sent()}});
  check_calls(report, "backward: for dZ, dX and X again, likewise", in_chunks.backward,
              {{Collective::send_receive, 3 * exchanges, in_one.backward.sent()}});
}

void check_usage(const Sizes& s, const TimingSizes& timing, int64_t timing_rows, int ranks) {
  require_usage(s.rows >= ranks, "--rows ", s.rows, " are fewer than ", counted(ranks, "rank"));
  require_memory(100.0 * ranks * (1.0 * s.rows * (s.width + s.hidden) + 1.0 * s.width * s.hidden),
                 text("--rows ", s.rows, " × --width ", s.width, " × --hidden ", s.hidden));
  require_memory(20.0 * ranks *
                     (1.0 * timing_rows * (timing.in + timing.out) + 1.0 * timing.in * timing.out),
                 text("--timing-rows ", timing_rows, " × --timing-in ", timing.in,
                      " × --timing-out ", timing.out));
}

int main(int argc, char** argv) {
  Sizes sizes;
  TimingSizes timing;
  int64_t timing_rows = 2048;
  double link = 2;
  Options options("17_overlap", "Products that overlap with the transfer of their operands");
  options.size("--rows", sizes.rows, "rows of X, which the ranks share", 1, 1 << 16);
  options.size("--width", sizes.width, "width of the MLP", 1, 1 << 14);
  options.size("--hidden", sizes.hidden, "its hidden width: what is cut", 1, 1 << 14);
  options.size("--chunks", sizes.chunks, "parts in which each rank's rows travel", 1, 1 << 10);
  options.size("--timing-rows", timing_rows, "largest number of rows that is timed", 16, 1 << 20);
  options.size("--timing-in", timing.in, "columns of X there", 1, 1 << 14);
  options.size("--timing-out", timing.out, "columns of W on each rank there", 1, 1 << 14);
  options.number("--link", link, "gigabytes per second of the emulated link", 1e-3, 1e3);
  options.size("--repeat", timing.repeat, "number of measurements; their median is reported", 1,
               1000);
  options.offer_picture("a timeline of products and transfers");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    report.layout(runtime.world().size(), 1);
    check_usage(sizes, timing, timing_rows, runtime.world().size());
    timing.rows = {timing_rows / 16, timing_rows / 4, timing_rows};
    show_schedule(runtime, report);
    check_products(runtime, report, sizes);
    check_mlp(runtime, report, sizes);
    check_trace(runtime, report, static_cast<int>(sizes.chunks));
    show_failing_designs(runtime, report);
    show_times(runtime, report, timing, 1e9 * link);
    show_published_times(report);
  });
}
