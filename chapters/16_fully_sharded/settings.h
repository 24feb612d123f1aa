// What the program can be told.
#pragma once
#include "chapters/10_tensor_and_data_parallel/settings.h"

namespace shard::chapter_16 {

struct Settings : chapter_10::Settings {
  int64_t unit_blocks = 1, shard_ranks = 0;
  /// Many models are trained: what is not given is small.
  Settings();
};

void add_options(Options& options, Settings& settings);
/// Fills in what was not given, and refuses what cannot be: one sentence names the options.
void complete(Settings& settings, Runtime& runtime);

}  // namespace shard::chapter_16
