// What a mixture of experts keeps on a rank, and what it gives to the collectives: formulas, which
// the program compares with the ledger.
#pragma once
#include <vector>

#include "common/check/calls.h"

namespace shard {

/// A mixture's work on a rank: its tokens, and the rows of all ranks' tokens that its experts get.
struct ExpertWork {
  int64_t tokens = 0, arrived = 0, width = 0, experts = 0, chosen = 0;
  int64_t sent() const { return chosen * tokens; }  // rows
};

/// Bytes that it keeps beside its input and what its experts keep before GeLU: probabilities,
/// choices and weights, the places of rows, and the rows that came and that came back.
int64_t kept_beside_experts(const ExpertWork& work);

/// Of one backward pass and `forwards` forward passes: 2, if one is recomputed. Each entry of calls
/// of equal bytes, but for exchanges, which are of rows that leave and of rows that have come.
Calls exchanges_of(const ExpertWork& work, int64_t forwards);       // over ep
Calls gathers_of_counts(const ExpertWork& work, int64_t forwards);  // over all data ranks
std::vector<Calls> sums_over_tp(const ExpertWork& work, int64_t forwards);

}  // namespace shard
