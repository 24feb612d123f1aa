// --resume: which checkpoint a run goes on from, what is different from then on, and how a run that
// was stopped goes on.
#pragma once
#include <filesystem>

#include "chapters/10_tensor_and_data_parallel/metrics.h"
#include "chapters/11_checkpoints/settings.h"

namespace shard::chapter_11 {

/// The checkpoint that --resume means; nothing for a run that starts, as --resume auto does where
/// --save holds none. Throws UsageError on every rank where there must be one. Collective.
std::filesystem::path checkpoint_to_resume(Communicator& world, const Settings& settings);

/// Prints which checkpoint the run goes on from, and each setting that was another when it was
/// saved.
void say_what_changed(Report& report, const Settings& settings,
                      const std::filesystem::path& resumed, const CheckpointInfo& checkpoint);

/// The steps before the checkpoint, which its metrics file holds. Where that is missing, as beside
/// old checkpoints, or damaged, rank 0 says so, and there are none. The other ranks have none.
chapter_10::Metrics history_of(Runtime& runtime, Report& report,
                               const std::filesystem::path& resumed, int64_t step);

/// The command that goes on where this run, which saves, has stopped: as the run was started,
/// quoted for a shell.
std::string command_to_go_on(Runtime& runtime);

}  // namespace shard::chapter_11
