// The search: all layouts of a number of GPUs that fit into their memory, the fastest first.
#pragma once
#include <functional>
#include <optional>

#include "chapters/23_planner/memory.h"
#include "chapters/23_planner/step_time.h"

namespace shard::chapter_23 {

/// What is to be trained, and where.
struct Job {
  ModelShape model;
  int64_t gpus = 1;
  int64_t batch = 1;  // sequences of a step
  Cluster cluster;
  Software software;
};

struct Candidate {
  Layout layout;
  Memory memory;  // of the fullest GPU
  StepTime time;
};

/// Whether the software had all that the layout needs.
bool has(const Software& software, const Layout& layout);

/// Calls `visit` with each grid tp × cp × pp × dp of so many GPUs, and each ep, on which the model
/// and the batch can be spread, by this software.
void for_each_grid(const Job& job, const std::function<void(const Layout&)>& visit);
/// Calls `visit` with each way in which the software can use such a grid, of those that can be the
/// fastest: chunks have equally many layers; there is no GPipe, which takes as long as 1F1B and
/// keeps more, no sharding on one rank, and no cut rows where tp is 1. All without recomputation.
void for_each_use(const Layout& grid, const Job& job,
                  const std::function<void(const Layout&)>& visit);

struct SearchResult {
  std::vector<Candidate> best;  // of each grid the fastest that fits; the fastest grid first
  int64_t layouts = 0;          // that were looked at
  int64_t fitting = 0;
};
/// Of what fits without recomputation, no layout with recomputation is looked at: the more is
/// computed again, the longer a step takes. What does not fit needs no time.
SearchResult search(const Job& job);

/// The fewest GPUs, whole nodes if more than one, with which the job fits, and how; nothing if it
/// fits on no number up to most_gpus.
std::optional<Layout> fewest_gpus(const Job& job);
constexpr int64_t most_gpus = 1 << 16;
/// Throws UsageError if the search has found nothing: "sp-1t with a batch of 512 sequences needs at
/// least 128 GPUs of 80 GB: …".
void require_found(const SearchResult& result, const Job& job);

}  // namespace shard::chapter_23
