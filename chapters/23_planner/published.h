// Published step times of Megatron-LM and others, as published_steps.tsv lists them: with all that
// a prediction needs, and what a source does not say, assumed.
#pragma once
#include <map>

#include "chapters/23_planner/step_time.h"

namespace shard::chapter_23 {

struct PublishedStep {
  std::string table, row;
  std::string cluster;
  ModelShape model;
  Layout layout;
  int64_t batch = 0;  // sequences
  Software software;
  std::string unit;
  double value = 0;     // in that unit, as published
  bool fitted = false;  // whether the constants were fitted to it
  std::string source;
};

/// Units: "s", of a step; "ms a layer", both passes of one layer; "TFLOP/s hardware" and "TFLOP/s
/// model" of a device, with and without what is computed again. Throws UsageError for a file that
/// cannot be read or does not hold such rows.
std::vector<PublishedStep> published_steps();

using Clusters = std::map<std::string, Cluster>;
/// Those of clusters/ that the rows name.
Clusters clusters_of(const std::vector<PublishedStep>& steps);

/// As published, and predicted: seconds of a step or of a layer.
double published_seconds(const PublishedStep& step);
double predicted_seconds(const PublishedStep& step, const Cluster& cluster);
/// In the unit of the row.
double in_unit(const PublishedStep& step, double seconds);
/// (predicted - published) / published seconds.
double error_of(const PublishedStep& step, const Cluster& cluster);

}  // namespace shard::chapter_23
