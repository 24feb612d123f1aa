// How long a step takes when all ranks do it together, and how much of that is communication.
#pragma once
#include <functional>
#include <vector>

#include "common/program/runtime.h"

namespace shard {

/// Medians over the repetitions.
struct Timing {
  double seconds = 0;        // a step takes: those of the slowest rank
  double communication = 0;  // seconds in collectives (the ledger's), averaged over the ranks
  double share = 0;          // communication / seconds
};

/// Times each of `steps` `repeat` times, in turns, so that a disturbance hits all of them alike.
/// All ranks begin each step together; what is allocated and connected only once happens in two
/// rounds before. Collective.
std::vector<Timing> time_in_turns(Runtime& runtime, const std::vector<std::function<void()>>& steps,
                                  int64_t repeat);

/// Seconds that `step` takes on this rank's device: the best of as many runs as fit into `seconds`,
/// at least 2, because what disturbs a run only makes it longer. Short steps are run several at a
/// time, so that neither starting them nor waiting for the device counts.
double best_seconds(Backend& backend, double seconds, const std::function<void()>& step);

}  // namespace shard
