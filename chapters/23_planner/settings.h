// What the program of this chapter can be told.
#pragma once
#include "chapters/23_planner/search.h"
#include "common/program/options.h"

namespace shard::chapter_23 {

struct Settings {
  std::string model = "gpt3-175b", cluster = "a100-80";
  std::string software;                      // empty: what the cluster's numbers were fitted with
  ModelShape sizes{.name = "", .top_k = 0};  // 0: of the model
  int64_t gpus = 1024, batch = 1536;
  std::string layout;  // to be explained; empty: search
  int64_t best = 10;   // rows
  bool check = false;  // against published tables
  // against this machine
  std::string calibrate;  // file to write
  bool check_here = false;
  int64_t rounds = 7;
};

void add_options(Options& options, Settings& settings);
/// Throws UsageError for options that do not go together.
void require_consistent(const Settings& settings, const Options& options);
/// The file of --cluster. Throws UsageError, which lists the known ones, if there is none.
std::filesystem::path file_of_cluster(const std::string& name);
/// Throws UsageError for a model or a layout that cannot be.
Job job_of(const Settings& settings, const Options& options);

}  // namespace shard::chapter_23
