// expect: which has a pp that does not divide
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
      if (job.devices / tp % pp != 0) continue;
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
  const auto cost = [&](const Layout& one) {
    return std::tuple(seconds_of(one), bytes_of(one), one.tp, one.pp, one.micro_batch);
  };
  int64_t fewest = bytes_of(possible[0]);
  std::vector<Layout> fitting;
  for (const Layout& one : possible) {
    fewest = std::min(fewest, bytes_of(one));
    if (bytes_of(one) <= training.memory_gb * 1'000'000'000) fitting.push_back(one);
  }
  require_usage(!fitting.empty(), "at least ", fewest, " bytes are needed, more than the ",
                training.memory_gb, " GB of a device");
  return *std::ranges::min_element(fitting, {}, cost);
}

}  // namespace shard
