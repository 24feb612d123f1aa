// What chapter 10's program can be told.
#pragma once
#include "chapters/10_tensor_and_data_parallel/checkpoint.h"
#include "common/program/runtime.h"

namespace shard {

struct Settings {
  int64_t tp = 0, dp = 0;  // 0: from the number of ranks
  GptSizes sizes;
  TrainingSettings training;
  std::string precision = "f32", reduce_in = "f32";
  std::string data;
  int64_t vocabulary = 0;  // tokens to learn from the text; 0: its characters
  int64_t eval_every = 0, sample = 200, sample_every = 0, check_steps = 3;
  bool layouts = false;
  std::string curve;

  std::string save, resume;
  int64_t save_every = 0, keep = 2;
  std::string start_from;
  bool allow_nan = false;

  std::string weights, prompt;
  int64_t generate = 0;
  double temperature = 0.8;
};

void add_options(Options& options, Settings& settings);

/// Goes on with what the checkpoint says where the command line says nothing. Throws UsageError
/// where they differ in what a model cannot change: its sizes, its seed.
void take_over(Settings& settings, const CheckpointInfo& checkpoint, const Options& options);
/// Takes the sizes of the model that --start-from names, of its context as much as is asked for.
/// Throws UsageError where the command line says others, or asks for another beginning.
void take_sizes(Settings& settings, const GptSizes& model, const Options& options);
/// Fills in the sizes of the grid that were not given, and refuses what does not fit the ranks.
void complete_grid(Settings& settings, int ranks);
/// Fills in what was not given, and refuses what cannot be: one sentence names the options.
void complete(Settings& settings, Runtime& runtime);

}  // namespace shard
