// DispatchPlan: which token goes where, in whole numbers. A rank sorts its tokens' choices by
// expert, sends them, and sorts what arrives, which is ordered by sender, by expert again:
//     choices (token, slot) ─ permute ─ [expert] ─ all-to-all ─ [sender][own expert] ─ local sort ─
//     [own expert][sender]
// and the results go back the same way. Lepikhin et al., "GShard", arXiv:2006.16668, section 2.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/partition.h"

namespace shard {

/// How many tokens of each data-parallel rank have chosen each expert.
struct ExpertCounts {
  int64_t ranks = 0, experts = 0;
  std::vector<int64_t> of;  // [ranks × experts]

  ExpertCounts() = default;
  /// As an all_gather of each rank's counts [experts] gives them.
  ExpertCounts(int64_t the_experts, std::span<const int32_t> gathered);
  int64_t at(int64_t rank, int64_t expert) const {
    return of[static_cast<size_t>(rank * experts + expert)];
  }
  int64_t of_expert(int64_t expert) const;  // of all ranks
  int64_t total() const;                    // the choices of all tokens of all ranks
  /// Of these, the first `capacity` of each expert, those of rank 0 before those of rank 1.
  ExpertCounts within(int64_t capacity) const;
};

/// ⌈factor · choices / experts⌉: the most that an expert takes (Fedus et al., arXiv:2101.03961,
/// equation 3); without limit for a factor of 0.
int64_t expert_capacity(double factor, int64_t choices, int64_t experts);

/// Where a rank is among those whose tokens differ: e consecutive ones share out the experts.
struct ExpertPlace {
  int rank = 0;     // of the data-parallel ranks
  int ep_size = 1;  // e
  int ep_rank() const { return rank % ep_size; }
  Range experts_of(int ep_rank, int64_t experts) const {
    return part_of(experts, ep_size, ep_rank);
  }
};

struct DispatchPlan {
  std::vector<int64_t> rows_to, rows_from;  // how many rows to and from each ep rank
  std::vector<int64_t> rows_of;             // how many each of this rank's own experts gets
  std::vector<int32_t> tokens;              // of each row that is sent: by expert, then by token
  std::vector<int32_t> places;    // [tokens × k]: its row among those sent, or -1 where dropped
  std::vector<int32_t> sorted;    // of each row in the order of own experts: where it arrived
  std::vector<int32_t> unsorted;  // of each row that arrived: where it is in that order

  /// `chosen` [tokens × k]: this rank's choices, all of whose counts `chosen_by_all` has. Of each
  /// expert's choices, the ranks in their order and the tokens in theirs, the first `capacity` are
  /// sent.
  DispatchPlan(std::span<const int32_t> chosen, int64_t k, const ExpertCounts& chosen_by_all,
               int64_t capacity, const ExpertPlace& place);
};

}  // namespace shard
