// The cost of a collective as a straight line: seconds = latency + bytes / bandwidth.
#pragma once
#include <span>
#include <vector>

namespace shard {

struct CostModel {
  double latency = 0;         // seconds
  double seconds_per_byte = 0;
  double error = 0;           // root mean square of (line - measured) / measured

  double bandwidth() const { return 1 / seconds_per_byte; }  // bytes a second
  double seconds(double bytes) const { return latency + bytes * seconds_per_byte; }
};

/// The line with the least squares of relative errors: small messages count as much as large ones, which in absolute
/// terms would drown them. Neither the latency nor the time for a byte comes out negative. At least two sizes.
CostModel fit_cost_model(std::span<const double> bytes, std::span<const double> seconds);

/// Bus bandwidth of an all-reduce among `ranks`: bytes / seconds · 2(t-1)/t, what each rank sends in a second. Unlike
/// bytes / seconds it can be compared with the speed of the wire, whatever the number of ranks. The definition is
/// that of NVIDIA's nccl-tests, doc/PERFORMANCE.md.
double all_reduce_bus_bandwidth(double bytes, double seconds, int ranks);

}  // namespace shard
