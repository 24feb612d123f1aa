// What chapter 11's program can be told beside what chapter 10's can.
#pragma once
#include "chapters/10_tensor_and_data_parallel/settings.h"
#include "chapters/11_checkpoints/checkpoint_info.h"

namespace shard::chapter_11 {

struct Settings : chapter_10::Settings {
  std::string save, resume, start_from;
  int64_t save_every = 0, keep = 2;
  bool allow_nan = false;
};

void add_options(Options& options, Settings& settings);

/// Whether the run saves, or goes on from something.
bool uses_checkpoints(const Settings& settings);
/// Refuses options of checkpoints that do not go together.
void require_consistent(const Settings& settings);

/// Goes on with what the checkpoint says where the command line says nothing. Throws UsageError
/// where they differ in what a model cannot change: its sizes, its seed.
void take_over(Settings& settings, const CheckpointInfo& checkpoint, const Options& options);
/// Takes the sizes of the model that --start-from names, of its context as much as is asked for.
/// Throws UsageError where the command line says others.
void take_sizes(Settings& settings, const GptSizes& model, const Options& options);

}  // namespace shard::chapter_11
