// Software: what a training system did at its time, which a table's rows do not say: part of every
// prediction, and printed with it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace shard::chapter_23 {

/// Sources: the papers of published_steps.tsv, and the code of their time. [A]: an assumption.
struct Software {
  std::string name;
  bool fused_attention = false;     // no scores in memory, only causal work
  double fused_share = 0.5;         // of peak, that a fused attention reaches [A]
  bool fused_accumulation = true;   // gradients are added by the product that computes them
  bool overlapped_tp = false;       // backward collectives beside products
  bool overlapped_forward = false;  // the forward pass's as well
  double hidden_share = 0;          // of such a collective
  bool overlapped_dp = false;       // gradients' sums beside the last micro-batch's backward pass
  bool overlapped_gather = false;   // sharded weights beside the next step's first forward pass
  double dp_hidden_share = 0;       // of the gradients' and weights' bytes
  double gradient_bytes = 4;        // of each gradient value that is summed
  bool buckets = false;             // gradients are summed in buckets of a few MB
  // What it had, for the search:
  bool sequence_parallel = false;  // and selective recomputation
  bool context_parallel = false;
  bool zero_bubble = false;   // ZB-H1
  int64_t most_sharding = 0;  // ZeRO's stage
};

/// "megatron-2019", …, "shard" (this project). Throws UsageError, which lists the names, for
/// another.
Software software_named(const std::string& name);
std::vector<std::string> known_software();
/// What the fields say, in phrases: "scores in memory, all keys", …
std::vector<std::string> assumptions_of(const Software& software);

}  // namespace shard::chapter_23
