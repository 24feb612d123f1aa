// What fully sharded weights take and communicate: formulas, which the program compares with what a
// rank has held and given to the collectives.
#pragma once
#include <vector>

#include "common/check/calls.h"

namespace shard {

/// The elements of each unit, padding included, the root unit first.
using UnitSizes = std::vector<int64_t>;

/// In a step of so many micro-batches, each entry of equal calls: a unit is gathered for the
/// forward and for the backward pass, the last one for both at once, the root for the whole step.
std::vector<Calls> gathers_of_units(const UnitSizes& padded, int64_t ranks, int64_t micro_batches);
/// Each unit's gradients after its backward pass, the root's after the last one.
std::vector<Calls> scatters_of_units(const UnitSizes& padded, int64_t micro_batches);

/// The most bytes of f32 weights on a rank in a step: its parts, the root, and the largest unit, or
/// with prefetch the largest two in a row.
int64_t peak_weight_bytes(const UnitSizes& padded, int64_t ranks, bool prefetch);
/// Between steps: its parts.
int64_t own_weight_bytes(const UnitSizes& padded, int64_t ranks);

}  // namespace shard
