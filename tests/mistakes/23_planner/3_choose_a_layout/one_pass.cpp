// right: one pass over all layouts, in an order of its own, that compares by hand
#include <algorithm>
#include <limits>

#include "common/base/error.h"
#include "exercises/23_planner/3_choose_a_layout.h"

namespace shard {

static bool is_better(const Layout& a, const Layout& b) {
  if (a.tp != b.tp) return a.tp < b.tp;
  return a.pp != b.pp ? a.pp < b.pp : a.micro_batch < b.micro_batch;
}

Layout fastest_layout(const Training& training, const BytesOf& bytes_of,
                      const SecondsOf& seconds_of) {
  const auto& [layers, heads, batch, devices, node, memory_gb] = training;
  Layout best;
  double seconds = std::numeric_limits<double>::infinity();
  int64_t bytes = 0, fewest = -1;
  for (int64_t dp = 1; dp <= std::min(devices, batch); ++dp) {
    if (devices % dp != 0 || batch % dp != 0) continue;
    for (int64_t micro_batch = batch / dp; micro_batch > 0; --micro_batch) {
      if (batch / dp % micro_batch != 0) continue;
      for (int64_t tp = std::min(node, devices / dp); tp > 0; --tp) {
        if (devices / dp % tp != 0 || node % tp != 0 || heads % tp != 0) continue;
        const Layout one{tp, devices / dp / tp, dp, micro_batch};
        if (layers % one.pp != 0) continue;
        const int64_t needed = bytes_of(one);
        if (fewest < 0 || needed < fewest) fewest = needed;
        if (needed / 1e9 > memory_gb) continue;
        const double time = seconds_of(one);
        const bool is_equal = time == seconds && needed == bytes;
        if (time < seconds || (time == seconds && needed < bytes) ||
            (is_equal && is_better(one, best))) {
          best = one;
          seconds = time;
          bytes = needed;
        }
      }
    }
  }
  require_usage(fewest >= 0, devices, " devices cannot be divided into tp, pp and dp");
  require_usage(bytes > 0, "no layout fits into ", memory_gb, " GB: at least ", fewest,
                " bytes are needed");
  return best;
}

}  // namespace shard
