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

Measurement measure(Runtime& runtime, Communicator& group, const TimingSizes& sizes) {
  const Operands with(runtime, sizes);
  Measurement result{.model = fit_lines(runtime, group, sizes, with), .products = {}};
  for (int64_t rows : sizes.rows) {
    const Tensor mine = with.x.slice({0, part_of(rows, group.size(), group.rank()).size()});
    std::vector<std::function<void()>> steps{[=, &group, &with] {
      matmul(group.all_gather(mine, part_sizes(rows, group.size())), with.w);
    }};
    for (int chunks : sizes.chunks) {
      steps.push_back([=, &group, &with] { gather_matmul({group, chunks}, mine, rows, with.w); });
    }
    const std::vector<double> seconds = seconds_of(time_in_turns(runtime, steps, sizes.repeat));
    const auto bytes = static_cast<double>(4 * rows * sizes.in);
    result.products.push_back({bytes, 0, seconds[0]});
    for (size_t i = 0; i < sizes.chunks.size(); ++i)
      result.products.push_back({bytes, sizes.chunks[i], seconds[i + 1]});
  }
  result.model = fit_busy(result.model, result.products);
  return result;
}

}  // namespace shard::chapter_17
