// The model of a run without --weights: small, trained in a moment, and saved as a GPT-2's folder.
#pragma once
#include <string>

#include "chapters/12_generation/settings.h"
#include "common/program/runtime.h"

namespace shard::chapter_12 {

/// Trains it on data-parallel ranks, saves it in `directory`, and returns its folder. Collective.
std::string make_small_model(Runtime& runtime, Report& report, const Settings& settings,
                             const std::string& directory);

}  // namespace shard::chapter_12
