#include "chapters/17_overlap/failing_designs.h"

#include "chapters/17_overlap/chunked_ring.h"
#include "chapters/17_overlap/emulated_link.h"
#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_17 {
namespace {

/// Products stand one after the other, in the order in which their rows arrive.
Tensor in_order_of_arrival(const ChunkedRing& ring, const Tensor& mine, int64_t rows,
                           const Tensor& w) {
  const Tensor y(mine.backend(), {rows, w.columns()});
  int64_t next = 0;
  ring.gather(mine, rows, [&](const Tensor& all, Range here) {
    matmul_into(y.slice({next, next + here.size()}), all.slice(here), w);
    next += here.size();
  });
  return y;
}

/// Every rank begins with its own rows, whose sum then ends on the rank before it.
Tensor own_rows_first(const ChunkedRing& ring, const Tensor& x, const Tensor& w) {
  const int64_t rows = x.rows(), part = rows / ring.group().size();
  return ring.scatter({rows, w.columns()}, x.type(), [&](const Tensor& to, Range here) {
    const int64_t begin = (here.begin + part) % rows;
    matmul_into(to, x.slice({begin, begin + here.size()}), w);
  });
}

/// All terms are computed in one buffer, from which the last sum may still be travelling.
Tensor one_buffer(Communicator& group, const Tensor& x, const Tensor& w) {
  const int t = group.size(), next = (group.rank() + 1) % t, previous = (group.rank() + t - 1) % t;
  Tensor sum(x.backend(), {x.rows() / t, w.columns()});
  for (int step = 0; step < t; ++step) {
    const Tensor arriving(x.backend(), sum.shape());
    if (step == 0) matmul_into(sum, x.slice(part_of(x.rows(), t, previous)), w);
    if (step + 1 == t) break;
    Pending exchange = group.start_send_receive(sum, next, arriving, previous);
    const int owner = (group.rank() + 2 * t - 2 - step) % t;
    matmul_into(sum, x.slice(part_of(x.rows(), t, owner)), w);  // while it is being sent
    accumulate(sum, exchange.wait());
  }
  return sum;
}

}  // namespace

void show_failing_designs(Runtime& runtime, Report& report) {
  report.heading("Three designs that fail: places by arrival, own rows first, one buffer");
  Communicator& world = runtime.world();
  const int t = world.size();
  const int64_t rows = 6 * t, in = 20, out = 9;
  const auto random = [&](int64_t of_rows, int64_t columns, const std::string& name) {
    return to_tensor(runtime.backend(),
                     reference::random_matrix(of_rows, columns,
                                              {runtime.options().seed, stream_of(name)}));
  };
  const Tensor x = random(rows, in, "x"), w = random(in, out, text("w of rank ", world.rank()));
  const Tensor mine = x.slice(part_of(rows, t, world.rank()));
  const Tensor y = matmul(x, w), z = world.reduce_scatter(PartialSum(y.clone()));
  const ChunkedRing ring(world, 2);
  EmulatedLink late(world, {.latency = 1e-3});  // the data moves when it is waited for
  const auto error = [&](const Tensor& got, const Tensor& expected) {
    return world.max_of(reference::relative_error(got, expected));
  };
  const double by_arrival = error(in_order_of_arrival(ring, mine, rows, w), y),
               own_first = error(own_rows_first(ring, x, w), z),
               reused = error(one_buffer(late, x, w), z);
  Table table({"design", "relative error"});
  table.row({"gather: results in the order of arrival", scientific(by_arrival)});
  table.row({"scatter: own rows first", scientific(own_first)});
  table.row({"scatter: one buffer for all terms", scientific(reused)});
  report.table(table);
  if (t == 1) return report.line("  With one rank nothing travels, so all three are right.");
  report.check("places by arrival are wrong by more than 1 %", by_arrival > 0.01);
  report.check("own rows first are wrong by more than 1 %", own_first > 0.01);
  report.check("one buffer is wrong by more than 1 %", reused > 0.01);
}

}  // namespace shard::chapter_17
