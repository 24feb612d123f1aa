// Vectors for pictures and for tests. Every rank can compute those of all other ranks, and so the
// expected result of any collective.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/comm/communicator.h"

namespace shard::chapter_02 {

/// Rank r's values: 10·r + 1, 10·r + 2, …: the tens are the rank.
std::vector<float> values_of(int rank, int64_t count);

/// Entry by entry, the sum of values_of the ranks first, first + step, … below `ranks`.
std::vector<float> sum_of_values(int ranks, int64_t count, int first = 0, int step = 1);

/// "[   1   2 >24 ]": with a mark before entry `marked`, if there is such an entry.
std::string drawn(std::span<const float> values, int64_t marked = -1);

/// Rank `rank`'s random vector: whole numbers from -1000 to 1000, whose sums are exact, or standard
/// normal ones.
std::vector<float> random_values(uint64_t seed, int rank, int64_t count, bool whole);

/// As a tensor on the group's device.
Tensor to_tensor(Communicator& group, std::span<const float> values);

}  // namespace shard::chapter_02
