// Real steps with each schedule, beside chapter 10's.
#pragma once
#include "chapters/18_pipeline/trial.h"
#include "chapters/19_interleaved_pipeline/split_backward.h"

namespace shard::chapter_19 {

using chapter_18::Reference;
using chapter_18::Trial;

struct Settings : chapter_18::Settings {
  int64_t chunks = 2;  // of the interleaved schedule
  int chunks_of(const std::string& schedule) const {
    return schedule == "interleaved" ? static_cast<int>(chunks) : 1;
  }
};

/// The schedules that run here, as named_schedule calls them.
inline const std::vector<std::string> compared{"1f1b", "interleaved", "zb-h1"};

/// A model cut into the chunks of that schedule. Collective.
Trial trial_of(Runtime& runtime, const Settings& settings, const std::string& schedule);

/// Losses, gradients and their norm of the same steps. Collective, as is the next.
void compare_training(Runtime& runtime, Report& report, const Settings& settings);
/// What a step sends and keeps.
void observe_steps(Runtime& runtime, Report& report, const Settings& settings);

}  // namespace shard::chapter_19
