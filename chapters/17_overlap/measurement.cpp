#include "chapters/17_overlap/measurement.h"

#include <algorithm>

#include "chapters/17_overlap/chunked_ring.h"
#include "common/check/reference.h"
#include "common/check/timing.h"
#include "common/tensor/ops.h"

namespace shard::chapter_17 {
namespace {

/// X and W of the largest product; smaller ones take the first rows.
struct Operands {
  Tensor x, w, y, arriving;

  Operands(Runtime& runtime, const TimingSizes& sizes) {
    const int64_t rows = *std::ranges::max_element(sizes.rows);
    const auto random = [&](int64_t of_rows, int64_t columns, const char* name) {
      return to_tensor(runtime.backend(),
                       reference::random_matrix(of_rows, columns,
                                                {runtime.options().seed, stream_of(name)}));
    };
    x = random(rows, sizes.in, "timed x");
    w = random(sizes.in, sizes.out, "timed w");
    y = Tensor(runtime.backend(), {rows, sizes.out});
    arriving = Tensor(runtime.backend(), {rows, sizes.in});
  }
};

std::vector<double> seconds_of(const std::vector<Timing>& timings) {
  std::vector<double> seconds;
  for (const Timing& timing : timings) seconds.push_back(timing.seconds);
  return seconds;
}

/// The rows of all chunks, in order, and the largest number of rows.
std::vector<int64_t> chunk_rows(const TimingSizes& sizes, int ranks) {
  std::vector<int64_t> all = sizes.rows;
  for (int64_t rows : sizes.rows)
    for (int chunks : sizes.chunks) all.push_back(std::max<int64_t>(rows / (ranks * chunks), 1));
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

}  // namespace

static OverlapModel fit_lines(Runtime& runtime, Communicator& group, const TimingSizes& sizes,
                              const Operands& with) {
  const int next = (group.rank() + 1) % group.size(),
            previous = (group.rank() + group.size() - 1) % group.size();
  std::vector<double> bytes;
  std::vector<std::function<void()>> products, exchanges;
  for (int64_t rows : chunk_rows(sizes, group.size())) {
    const Tensor x = with.x.slice({0, rows}), y = with.y.slice({0, rows}),
                 in = with.arriving.slice({0, rows});
    bytes.push_back(static_cast<double>(x.bytes()));
    products.push_back([=, &with] { matmul_into(y, x, with.w); });
    exchanges.push_back([=, &group] { group.start_send_receive(x, next, in, previous).wait(); });
  }
  const auto line_of = [&](const std::vector<std::function<void()>>& steps) {
    return chapter_02::fit_line(bytes, seconds_of(time_in_turns(runtime, steps, sizes.repeat)));
  };
  return {.ranks = group.size(), .product = line_of(products), .exchange = line_of(exchanges)};
}

/// Gathered and scattered products with this many rows. Collective.
static void time_products(Runtime& runtime, Communicator& group, const TimingSizes& sizes,
                          const Operands& with, int64_t rows, Measurement& result) {
  const Tensor mine = with.x.slice({0, part_of(rows, group.size(), group.rank()).size()}),
               dy = with.y.slice({0, rows});
  std::vector<std::function<void()>> gathers{[=, &group, &with] {
    matmul(group.all_gather(mine, part_sizes(rows, group.size())), with.w);
  }};
  std::vector<std::function<void()>> scatters{
      [=, &group, &with] { group.reduce_scatter(PartialSum(matmul(dy, transposed(with.w)))); }};
  for (int chunks : sizes.chunks) {
    gathers.push_back([=, &group, &with] { gather_matmul({group, chunks}, mine, rows, with.w); });
    scatters.push_back([=, &group, &with] {
      matmul_scatter({group, chunks}, dy, transposed(with.w));
    });
  }
  const auto add = [&](std::vector<MeasuredProduct>& to,
                       const std::vector<std::function<void()>>& steps) {
    const std::vector<double> seconds = seconds_of(time_in_turns(runtime, steps, sizes.repeat));
    const auto bytes = static_cast<double>(4 * rows * sizes.in);
    for (size_t i = 0; i < steps.size(); ++i)
      to.push_back({bytes, i == 0 ? 0 : sizes.chunks[i - 1], seconds[i]});
  };
  add(result.gathered, gathers);
  add(result.scattered, scatters);
}

Measurement measure(Runtime& runtime, Communicator& group, const TimingSizes& sizes) {
  const Operands with(runtime, sizes);
  Measurement result{
      .model = fit_lines(runtime, group, sizes, with), .gathered = {}, .scattered = {}};
  for (int64_t rows : sizes.rows) time_products(runtime, group, sizes, with, rows, result);
  result.model = fit_busy(result.model, result.gathered);
  return result;
}

}  // namespace shard::chapter_17
