// An all-reduce's time by its size: chapter 02's α + β·n, and what it lacks.
#pragma once
#include <vector>

namespace shard::chapter_23 {

/// Of n ranks that each have S bytes:
///   max(floor, latency + 2(n-1)/n · S/bandwidth + pipelining · √S).
/// A ring cuts S into chunks; each chunk costs latency, and few large ones leave links idle: the
/// best number of chunks is proportional to √S, and so is what it costs. A small one is over before
/// the host has started the next: the floor.
struct AllReduceCurve {
  double floor = 0, latency = 0;  // seconds
  double bandwidth = 0;           // bytes/s
  double pipelining = 0;          // seconds/√byte

  double seconds(double bytes, double ranks) const;
};

struct MeasuredAllReduce {
  double bytes = 0, seconds = 0;
  bool fitted = false;
};

/// all_reduce_8xh200.tsv: on 8 H200, stas00/ml-engineering, 744d01e, network/README.md.
std::vector<MeasuredAllReduce> measured_all_reduces();
/// The four numbers, by least squares of the logarithms.
AllReduceCurve fit(const std::vector<MeasuredAllReduce>& measured, double ranks);

}  // namespace shard::chapter_23
