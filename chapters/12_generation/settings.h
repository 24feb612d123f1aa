// What chapter 12's program can be told.
#pragma once
#include <string>
#include <vector>

#include "common/program/options.h"

namespace shard::chapter_12 {

struct Settings {
  std::string weights;  // a GPT-2's folder, or its file of weights; nothing: a model made here
  std::string prompt;
  std::string prompts;     // a file, instead of it
  int64_t sequences = 1;   // texts from each prompt
  int64_t generate = 100;  // tokens
  double temperature = 0.8;
  bool allow_nan = false;

  // of the model that is made here
  std::string data;
  int64_t steps = 100;
};

void add_options(Options& options, Settings& settings);

/// What the texts begin with: --prompt, or the lines of --prompts. Throws UsageError for a file
/// that cannot be read or has no lines, and for a prompt that is empty or not UTF-8.
std::vector<std::string> prompts_of(const Settings& settings);

}  // namespace shard::chapter_12
