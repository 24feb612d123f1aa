// right: all are sorted, and the first that fits is taken
#include <algorithm>
#include <tuple>
#include <vector>

#include "common/base/error.h"
#include "exercises/23_planner/3_choose_a_layout.h"

namespace shard {

static std::vector<Layout> possible_layouts(const Training& job) {
  std::vector<Layout> all;
  for (int64_t tp = 1; tp <= job.node; ++tp) {
    if (job.node % tp != 0 || job.heads % tp != 0 || job.devices % tp != 0) continue;
    for (int64_t pp = 1; pp <= job.layers; ++pp) {
      if (job.layers % pp != 0 || job.devices / tp % pp != 0) continue;
      const int64_t dp = job.devices / (tp * pp);
      for (int64_t micro_batch = 1; micro_batch <= job.batch / dp; ++micro_batch)
        if (job.batch % (dp * micro_batch) == 0) all.push_back({tp, pp, dp, micro_batch});
    }
  }
  return all;
}

Layout fastest_layout(const Training& training, const BytesOf& bytes_of,
                      const SecondsOf& seconds_of) {
  const std::vector<Layout> possible = possible_layouts(training);
  require_usage(!possible.empty(), "no layout of ", training.devices, " devices is possible");
  using Cost = std::tuple<double, int64_t, int64_t, int64_t, int64_t>;
  std::vector<std::pair<Cost, Layout>> sorted;
  for (const Layout& one : possible)
    sorted.push_back({{seconds_of(one), bytes_of(one), one.tp, one.pp, one.micro_batch}, one});
  std::ranges::sort(sorted, {}, &std::pair<Cost, Layout>::first);
  int64_t fewest = std::get<1>(sorted[0].first);
  for (const auto& [cost, layout] : sorted) {
    if (std::get<1>(cost) <= training.memory_gb * 1'000'000'000) return layout;
    fewest = std::min(fewest, std::get<1>(cost));
  }
  throw UsageError(
      text(fewest, " bytes are needed, but a device has only ", training.memory_gb, " GB"));
}

}  // namespace shard
