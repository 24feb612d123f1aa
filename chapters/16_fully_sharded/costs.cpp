#include "chapters/16_fully_sharded/costs.h"

#include <algorithm>

namespace shard {

std::vector<Calls> gathers_of_units(const UnitSizes& padded, int64_t ranks, int64_t micro_batches) {
  std::vector<Calls> calls;
  for (size_t unit = 0; unit < padded.size(); ++unit) {
    const int64_t passes = unit + 1 == padded.size() ? 1 : 2,
                  times = unit == 0 ? 1 : passes * micro_batches;
    calls.push_back(
        {.op = Collective::all_gather, .calls = times, .bytes = times * 4 * padded[unit] / ranks});
  }
  return calls;
}

std::vector<Calls> scatters_of_units(const UnitSizes& padded, int64_t micro_batches) {
  std::vector<Calls> calls;
  for (size_t unit = 0; unit < padded.size(); ++unit) {
    const int64_t times = unit == 0 ? 1 : micro_batches;
    calls.push_back(
        {.op = Collective::reduce_scatter, .calls = times, .bytes = times * 4 * padded[unit]});
  }
  return calls;
}

int64_t own_weight_bytes(const UnitSizes& padded, int64_t ranks) {
  int64_t bytes = 0;
  for (const int64_t elements : padded) bytes += 4 * elements / ranks;
  return bytes;
}

int64_t peak_weight_bytes(const UnitSizes& padded, int64_t ranks, bool prefetch) {
  int64_t largest = 0;
  for (size_t unit = 1; unit < padded.size(); ++unit)
    largest = std::max(largest, padded[unit] + (prefetch && unit > 1 ? padded[unit - 1] : 0));
  return own_weight_bytes(padded, ranks) + 4 * (padded[0] + largest);
}

}  // namespace shard
