// How long a step takes when all ranks do it together, and how much of that is communication.
#pragma once
#include <functional>
#include <vector>

#include "common/runtime.h"

namespace shard {

/// Medians over the repetitions.
struct Timing {
  double seconds = 0;        // of the slowest rank
  double communication = 0;  // seconds in collectives (the ledger's), averaged over the ranks
  double share = 0;          // communication / seconds
};

/// Times each of `steps` `repeat` times, in turns, so that a disturbance hits all of them alike. All ranks begin each
/// step together; what is allocated and connected only once happens in two rounds before. Collective.
std::vector<Timing> time_in_turns(Runtime& runtime, const std::vector<std::function<void()>>& steps, int64_t repeat);

}  // namespace shard
