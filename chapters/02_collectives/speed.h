// How fast an all-reduce is: its times at many sizes, and the straight line seconds = latency +
// bytes / bandwidth.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "common/comm/communicator.h"

namespace shard::chapter_02 {

/// Sums a vector over the ranks.
using AllReduce = std::function<Tensor(PartialSum)>;

/// The median of the times that `sum_up` takes on copies of `term`, all ranks starting together:
/// that of the slowest rank. `sum` is the last result. Collective.
double median_seconds(Communicator& group, const AllReduce& sum_up, const Tensor& term,
                      Tensor& sum);

/// Bus bandwidth of an all-reduce among t ranks: bytes / seconds · 2(t-1)/t, which is what every
/// rank must send per second at least. Unlike bytes / seconds it can be compared with the wire's
/// speed, whatever the number of ranks. The definition is that of NVIDIA's nccl-tests,
/// doc/PERFORMANCE.md.
double bus_bandwidth(double bytes, double seconds, int ranks);

struct Line {
  double latency = 0;           // seconds
  double seconds_per_byte = 0;  // 1 / bandwidth
  double error = 0;             // root mean square of (line - measured) / measured

  double bandwidth() const { return 1 / seconds_per_byte; }
  double seconds(double bytes) const { return latency + bytes * seconds_per_byte; }
};

/// The line with the least squares of relative errors, so that all sizes have the same weight.
/// Neither the latency nor the time per byte is negative. Takes at least two sizes.
Line fit_line(std::span<const double> bytes, std::span<const double> seconds);

}  // namespace shard::chapter_02
