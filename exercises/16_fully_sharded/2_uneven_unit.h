#pragma once
#include <cstdint>
#include <vector>

namespace shard {

/// What each rank keeps of a unit, by rank: its part of the flat tensor, in which the unit's
/// parameters lie one after the other, with padding at the end, so that all parts are equally long,
/// and no longer than they must be.
using Parts = std::vector<std::vector<float>>;

/// The parts of `ranks` ranks. flat: the values of all parameters, without padding. Padding is 0.
Parts cut(const std::vector<float>& flat, int ranks);

/// Parameter number `parameter` as the layers need it, from the parts of all ranks. elements[i]:
/// the number of elements of parameter i. What is in the padding is not known.
std::vector<float> parameter_of(const Parts& parts, const std::vector<int64_t>& elements,
                                int parameter);

/// The parts of `ranks` ranks, from those of another number of ranks that saved them. elements: of
/// the unit, without padding. In `saved` the padding is not known; in the result it is 0.
Parts recut(const Parts& saved, int64_t elements, int ranks);

}  // namespace shard
