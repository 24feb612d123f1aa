// The flat buckets and units in which a rank's gradients are summed: chapters 09, 15 and 16's
// arithmetic, of a list of parameters.
#pragma once
#include "chapters/16_fully_sharded/costs.h"
#include "chapters/23_planner/predicted_ledger.h"
#include "chapters/23_planner/rank_work.h"

namespace shard::chapter_23 {

/// A bucket, and the ranks that have other terms of its gradients.
struct GradientBucket {
  RankGroup group;
  int64_t elements = 0, padded = 0;
  bool at_end = false;  // summed over other axes first, at the end of the step
};

/// Of shard_optimizer 0 to 2, in the order in which the backward pass completes them.
std::vector<GradientBucket> gradient_buckets(const RankWork& work);

/// Elements of the gradients that are summed over tp, or, of the tied table, over pp.
struct PartialElements {
  int64_t tp = 0, pp = 0;
  int64_t parameters = 0;  // that are summed over tp: several are copied side by side
  int64_t copied() const { return parameters > 1 ? tp : 0; }
};
PartialElements partial_elements(const RankWork& work, const ParameterSizes& parameters);

/// Of shard_optimizer 3: the root and the blocks. Elements of each, with padding, and of those that
/// are summed first.
struct UnitElements {
  UnitSizes padded;
  std::vector<PartialElements> partial;
};
UnitElements units_of(const RankWork& work);

/// The groups of this rank.
RankGroup data_group(const RankWork& work);
RankGroup group_along(const RankWork& work, const char* axis);

}  // namespace shard::chapter_23
