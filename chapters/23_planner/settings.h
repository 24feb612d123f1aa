// What the program of this chapter can be told.
#pragma once
#include "chapters/23_planner/search.h"
#include "common/program/options.h"

namespace shard::chapter_23 {

struct Settings {
  std::string model = "gpt3-175b", cluster = "a100-80", software = "megatron-2022";
  ModelShape sizes{.name = "", .top_k = 0};  // 0: of the model
  int64_t gpus = 1024, batch = 1536;
  std::string layout;  // to be explained; empty: search
  int64_t best = 10;   // rows
};

void add_options(Options& options, Settings& settings);
/// Throws UsageError for what does not go together, and for a layout that cannot be.
Job job_of(const Settings& settings, const Options& options);

}  // namespace shard::chapter_23
