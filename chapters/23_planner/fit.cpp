#include "chapters/23_planner/fit.h"

#include <algorithm>
#include <cmath>

#include "chapters/23_planner/least_squares.h"

namespace shard::chapter_23 {

namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

void set(Clusters& clusters, const Constant& constant, double value) {
  for (const std::string& name : constant.clusters)
    if (clusters.contains(name)) clusters.at(name).*constant.value = value;
}

void fit_family(const Family& family, const std::vector<PublishedStep>& steps, Clusters& clusters) {
  std::vector<PublishedStep> fitted;
  for (const PublishedStep& step : steps)
    if (step.fitted && has(family.clusters, step.cluster)) fitted.push_back(step);
  const auto residuals = [&](const std::vector<double>& values) {
    std::vector<double> all;
    for (size_t k = 0; k < values.size(); ++k) {
      set(clusters, family.fitted[k], values[k]);
      all.push_back(0.01 * std::log(values[k] / family.fitted[k].usual) / 0.3);
    }
    for (const PublishedStep& step : fitted)
      all.push_back(std::log1p(error_of(step, clusters.at(step.cluster))));
    return all;
  };
  std::vector<Unknown> unknowns;
  for (const Constant& constant : family.fitted)
    unknowns.push_back({constant.usual, constant.most});
  const std::vector<double> found = least_squares(unknowns, residuals);
  for (size_t k = 0; k < found.size(); ++k) set(clusters, family.fitted[k], found[k]);
}

void take_from_a100(const Family& family, Clusters& clusters) {
  for (const std::string& name : family.clusters) {
    if (clusters.contains(name)) {
      for (const auto value : family.as_a100)
        clusters.at(name).*value = clusters.at("a100-80").*value;
    }
  }
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<std::string> a100{"a100-80", "a100-40"}, v100{"v100", "v100-2019"},
      h100{"h100", "h200"};
  static const std::vector<Family> all{
      {.name = "A100",
       .clusters = a100,
       .fitted = {{"product_share", a100, &Cluster::product_share, 0.8, 1},
                  {"product_edge", a100, &Cluster::product_edge, 100},
                  {"memory_share", a100, &Cluster::memory_share, 0.8, 1},
                  {"pass_overhead", a100, &Cluster::pass_overhead, 1e-4},
                  {"between_share", a100, &Cluster::between_share, 0.7, 1},
                  {"gather_bandwidth", a100, &Cluster::gather_bandwidth, 20e9}},
       .as_a100 = {}},
      {
          .name = "V100",
          .clusters = v100,
          .fitted = {{"product_share", v100, &Cluster::product_share, 0.8, 1},
                     {"elementwise_passes", {"v100-2019"}, &Cluster::elementwise_passes, 2},
                     {"pass_overhead", {"v100-2019"}, &Cluster::pass_overhead, 1e-3}},
          .as_a100 = {&Cluster::memory_share, &Cluster::pass_overhead, &Cluster::between_share},
      },
      {
          .name = "H100",
          .clusters = h100,
          .fitted = {{"product_share", h100, &Cluster::product_share, 0.8, 1},
                     {"between_share", h100, &Cluster::between_share, 0.7, 1}},
          .as_a100 = {&Cluster::product_edge, &Cluster::memory_share, &Cluster::pass_overhead},
      }};
  return all;
}

Clusters fit(const std::vector<PublishedStep>& steps, Clusters clusters, const std::string& only) {
  for (const Family& family : families()) {
    if (!only.empty() && family.name != only) continue;
    take_from_a100(family, clusters);
    fit_family(family, steps, clusters);
  }
  return clusters;
}

}  // namespace shard::chapter_23
