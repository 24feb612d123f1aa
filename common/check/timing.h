// The time of a step that all ranks do together, and the part of it that is communication.
#pragma once
#include <functional>
#include <vector>

#include "common/program/runtime.h"

namespace shard {

/// Medians over the repetitions.
struct Timing {
  double seconds = 0;        // of one step, on the slowest rank
  double communication = 0;  // seconds in collectives (from the ledger), averaged over the ranks
  double share = 0;          // communication / seconds
};

/// Times each of `steps` `repeat` times, in turns, so that a disturbance affects all of them
/// equally. All ranks begin each step together. Two rounds before are not timed: they do what is
/// allocated or connected only once. Collective.
std::vector<Timing> time_in_turns(Runtime& runtime, const std::vector<std::function<void()>>& steps,
                                  int64_t repeat);

/// Seconds that `step` takes on this rank's device: the best of as many runs as fit into `seconds`,
/// at least 2, because disturbances only make a run longer. Short steps are run several times in a
/// row, so that the time to start them and to wait for the device is negligible.
double best_seconds(Backend& backend, double seconds, const std::function<void()>& step);

}  // namespace shard
