// What the programs that train can be told.
#pragma once
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/10_tensor_and_data_parallel/training_settings.h"
#include "common/program/runtime.h"

namespace shard::chapter_10 {

struct Settings {
  int64_t tp = 0, dp = 0;   // 0: from the number of ranks
  int64_t other_ranks = 1;  // along further axes of the grid
  GptSizes sizes;
  TrainingSettings training;
  std::string data;
  int64_t vocabulary = 0;  // tokens to learn from the text; 0: its characters
  int64_t eval_every = 0, sample = 200, sample_every = 0, check_steps = 3;
  bool layouts = false;
  std::string curve;
  bool new_model = true;  // not one that has been trained before
};

/// Adds all options of a training; not --layouts, which only chapter 10 has.
void add_options(Options& options, Settings& settings);
void add_option_layouts(Options& options, Settings& settings);

/// Fills in the sizes of the grid that were not given, and refuses what does not fit the ranks.
void complete_grid(Settings& settings, int ranks);
/// Fills in what was not given, and refuses what cannot be: one sentence names the options.
void complete(Settings& settings, Runtime& runtime);

}  // namespace shard::chapter_10
