// --resume: which checkpoint a run goes on from.
#pragma once
#include <filesystem>

#include "chapters/10_tensor_and_data_parallel/settings.h"

namespace shard {

/// The checkpoint that --resume means; nothing for a run that starts, as --resume auto does where --save holds none.
/// Throws UsageError on every rank where there must be one. Collective.
std::filesystem::path checkpoint_to_resume(Communicator& world, const Settings& settings);

}  // namespace shard
