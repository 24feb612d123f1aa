// The fit: the few constants of clusters/ that no data sheet has, from the rows of
// published_steps.tsv that say so.
#pragma once
#include "chapters/23_planner/published.h"

namespace shard::chapter_23 {

/// A number of one or more clusters, and what it usually is.
struct Constant {
  std::string name;
  std::vector<std::string> clusters;
  double Cluster::*value;
  double usual = 1;
  double most = 0;  // 0: any
};

/// GPUs of one generation: what is fitted to the rows of its clusters, and what it takes from A100
/// because its own rows do not tell it.
struct Family {
  std::string name;
  std::vector<std::string> clusters;
  std::vector<Constant> fitted;
  std::vector<double Cluster::*> as_a100;
};
const std::vector<Family>& families();

/// The clusters with fitted constants. The squares of ln(predicted / published) over the fitted
/// rows are made smallest, and those of 0.01 · ln(constant / usual) / 0.3: a constant that no row
/// depends on stays usual. Rows that are not marked fitted, and the constants in `clusters`, have
/// no influence.
/// `only`: one family, with what it takes from the A100 of `clusters`.
Clusters fit(const std::vector<PublishedStep>& steps, Clusters clusters,
             const std::string& only = "");

}  // namespace shard::chapter_23
