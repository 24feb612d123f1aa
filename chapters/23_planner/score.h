// The score: how far the predictions are from the published tables, beside what was aimed at.
#pragma once
#include "chapters/23_planner/fit.h"

namespace shard::chapter_23 {

/// Percent of the published times.
struct Score {
  int64_t rows = 0;
  double mean = 0, worst = 0;
};
using Errors = std::vector<double>;  // (predicted - published) / published
Score score_of(const Errors& errors);

struct Goal {
  std::string name;
  std::vector<std::string> tables;  // of published_steps.tsv, whose rows are scored together
  double mean = 0, worst = 0;       // percent; 0: no goal
  std::string calculon;             // the same, where it publishes them: Isaev et al., SC23
  std::string miss;                 // why the goal is not reached; empty if it is
};
/// Of the published tables of steps.
const std::vector<Goal>& goals();
/// Of any table of A100 that is left out of the fit as a whole.
const std::vector<Goal>& goals_left_out();
/// Of the all-reduces on 8 H200.
const Goal& goal_of_curve();

bool is_reached(const Goal& goal, const Score& score);

/// Of the rows of a goal's tables, all or only those that were not fitted.
Errors errors_of(const Goal& goal, const std::vector<PublishedStep>& steps,
                 const Clusters& clusters, bool only_others = false);
/// Of the goal's rows after a fit to all others.
Errors errors_left_out(const Goal& goal, std::vector<PublishedStep> steps, Clusters clusters);
Errors errors_of_curve(bool only_others = false);

/// What Megatron-Core's table does not say: sequences of a micro-batch where pp = 1, and how many
/// layers a chunk has where pp > 1 (0: all, without interleaving).
struct Assumption {
  int64_t micro_batch, layers_of_chunk;
};
const std::vector<Assumption>& assumptions();
/// The rows of H100 with another assumption, and its cluster as fitted to them.
struct Variant {
  std::vector<PublishedStep> steps;
  Cluster cluster;
  Errors errors() const;
};
Variant variant_of(const Assumption& assumption, const std::vector<PublishedStep>& steps,
                   const Clusters& clusters);

}  // namespace shard::chapter_23
