// Software: what a training system did at its time, which a table's rows do not say: part of every
// prediction, and printed with it.
#pragma once
#include <string>
#include <vector>

namespace shard::chapter_23 {

/// What is not said here is set by the fit of clusters/; planner.md's names in brackets.
struct Software {
  std::string name;
  bool fused_attention = false;    // no scores in memory, only causal work
  bool fused_accumulation = true;  // gradients are added by the product that computes them
  bool overlapped_tp = false;      // backward all-reduces beside the weight gradients' products
  double hidden_share = 0;         // of such an all-reduce
  bool overlapped_dp = false;      // gradients' sums beside the last micro-batch's backward pass
  double gradient_bytes = 4;       // of each gradient value that is summed
};

/// "megatron-2019", …, "shard" (this project). Throws UsageError, which lists the names, for another.
Software software_named(const std::string& name);
std::vector<std::string> known_software();

}  // namespace shard::chapter_23
