#pragma once
#include <map>
#include <string>
#include <vector>

namespace shard {

/// How many ranks each axis has: {"tp": 2, "dp": 3}.
using Sizes = std::map<std::string, int>;
/// A coordinate, or nothing yet, for each axis.
using Place = std::map<std::string, int>;

/// The rank's coordinate on each axis of `order`, such as "tp-cp-pp-dp": the first axis changes
/// fastest. `sizes` has a size for each of them.
Place place_of(int rank, const Sizes& sizes, const std::string& order);

/// The ranks whose places differ from that of `rank` on `axes` only, itself included, in ascending
/// order. The axes are in any order.
std::vector<int> group_of(int rank, const std::vector<std::string>& axes, const Sizes& sizes,
                          const std::string& order);

/// The same for experts, which are laid over the ranks of "cp" and "dp": these, in ascending order,
/// are cut into runs of `experts` ranks. The run of `rank` is its ep group.
std::vector<int> expert_group_of(int rank, int experts, const Sizes& sizes,
                                 const std::string& order);

}  // namespace shard
