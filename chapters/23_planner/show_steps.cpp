#include "chapters/23_planner/show_steps.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "chapters/23_planner/all_reduce_curve.h"
#include "chapters/23_planner/score.h"
#include "common/base/error.h"

namespace shard::chapter_23 {

namespace {

std::string percent(double error) { return fixed(100 * error, 1); }

std::string rounded(double value) { return fixed(value, value < 10 ? 3 : value < 100 ? 2 : 1); }

bool is_fitted(const std::string& cluster, double Cluster::*value) {
  for (const Family& family : families()) {
    for (const Constant& constant : family.fitted) {
      if (constant.value == value && std::ranges::count(constant.clusters, cluster) > 0)
        return true;
    }
  }
  return false;
}

bool is_alike(const PublishedStep& a, const PublishedStep& b) {
  return a.table == b.table && a.cluster == b.cluster && a.software.name == b.software.name;
}

}  // namespace

void show_steps(Report& report, const std::vector<PublishedStep>& steps, const Clusters& clusters) {
  for (size_t begin = 0; begin < steps.size();) {
    const PublishedStep& first = steps[begin];
    report.heading(
        text(first.table, ", ", first.unit, ": ", first.cluster, ", ", first.software.name));
    report.line("  " + first.source);
    Table table({"", "published", "here", "error, %", "fitted", "batch", "layout"});
    for (; begin < steps.size() && is_alike(steps[begin], first); ++begin) {
      const PublishedStep& step = steps[begin];
      const Cluster& cluster = clusters.at(step.cluster);
      table.row({step.row, rounded(step.value),
                 rounded(in_unit(step, predicted_seconds(step, cluster))),
                 percent(error_of(step, cluster)), step.fitted ? "yes" : "no", text(step.batch),
                 to_string(step.layout)});
    }
    report.table(table);
  }
}

void show_software(Report& report, const std::vector<PublishedStep>& steps) {
  report.heading("Assumed of the software");
  std::set<std::string> shown;
  for (const PublishedStep& step : steps) {
    if (!shown.insert(step.software.name).second) continue;
    report.line("  " + step.software.name + ":");
    for (const std::string& phrase : assumptions_of(step.software)) report.line("    " + phrase);
  }
}

void show_constants(Report& report, const Clusters& clusters) {
  struct Row {
    const char* name;
    double Cluster::*value;
    double unit;
    int digits;
  };
  constexpr Row rows[] = {{"product_share", &Cluster::product_share, 1, 3},
                          {"product_edge", &Cluster::product_edge, 1, 1},
                          {"memory_share", &Cluster::memory_share, 1, 3},
                          {"pass_overhead, ms", &Cluster::pass_overhead, 1e-3, 3},
                          {"between_share", &Cluster::between_share, 1, 3},
                          {"elementwise_passes", &Cluster::elementwise_passes, 1, 2},
                          {"gather_bandwidth, GB/s", &Cluster::gather_bandwidth, 1e9, 2},
                          {"inside.bandwidth, GB/s", nullptr, 1e9, 0}};
  report.heading("Fitted constants (*), and those taken from A100 or from measurements");
  std::vector<std::string> heading{""};
  for (const auto& [name, cluster] : clusters) heading.push_back(name + " ");
  Table table(heading);
  for (const auto& [row_name, value, unit, digits] : rows) {
    std::vector<std::string> cells{row_name};
    for (const auto& [name, cluster] : clusters) {
      const double number = value == nullptr ? cluster.inside.bandwidth : cluster.*value;
      cells.push_back(
          number == 0 ? "- " : fixed(number / unit, digits) + (is_fitted(name, value) ? "*" : " "));
    }
    table.row(cells);
  }
  report.table(table);
}

void show_range(Report& report, const std::vector<PublishedStep>& steps, const Clusters& clusters) {
  report.heading("Megatron-Core H100: what the table does not say, assumed otherwise");
  Table table({"micro-batch where pp = 1", "chunks where pp > 1", "product_share", "between_share",
               "mean error, %", "worst"});
  std::vector<std::pair<double, double>> ranges;
  std::vector<PublishedStep> rows;
  for (const Assumption& assumption : assumptions()) {
    const Variant variant = variant_of(assumption, steps, clusters);
    const Score score = score_of(variant.errors());
    table.row({text(assumption.micro_batch),
               assumption.layers_of_chunk == 0 ? "one" : text("of ", assumption.layers_of_chunk),
               fixed(variant.cluster.product_share, 3), fixed(variant.cluster.between_share, 3),
               fixed(score.mean, 1), fixed(score.worst, 1)});
    rows = variant.steps;
    ranges.resize(rows.size(), {INFINITY, 0});
    for (size_t i = 0; i < rows.size(); ++i) {
      const double here = in_unit(rows[i], predicted_seconds(variant.steps[i], variant.cluster));
      ranges[i] = {std::min(ranges[i].first, here), std::max(ranges[i].second, here)};
    }
  }
  report.table(table);
  Table range({"TFLOP/s", "published", "lowest here", "highest"});
  for (size_t i = 0; i < rows.size(); ++i) {
    range.row(
        {rows[i].row, rounded(rows[i].value), rounded(ranges[i].first), rounded(ranges[i].second)});
  }
  report.table(range);
}

void show_curve(Report& report) {
  constexpr double ranks = 8;
  const std::vector<MeasuredAllReduce> measured = measured_all_reduces();
  const AllReduceCurve curve = fit(measured, ranks);
  report.heading(text("All-reduce of 8 H200, µs: max(", fixed(1e6 * curve.floor, 1), ", ",
                      fixed(1e6 * curve.latency, 1), " + 1.75·bytes/",
                      fixed(curve.bandwidth / 1e9, 1), " GB/s + ", fixed(1e9 * curve.pipelining, 2),
                      "e-3·√bytes)"));
  report.line("  stas00/ml-engineering, commit 744d01e, network/README.md");
  Table table({"KiB", "measured", "here", "error, %", "fitted"});
  const auto microseconds = [](double seconds) { return fixed(1e6 * seconds, 1); };
  for (int64_t size = 1 << 15; size <= int64_t{1} << 34; size *= 2) {
    const auto bytes = static_cast<double>(size);
    const double here = curve.seconds(bytes, ranks);
    std::vector<std::string> cells{text(size / 1024), "-", microseconds(here), "", ""};
    for (const MeasuredAllReduce& one : measured) {
      if (one.bytes == bytes) {
        cells = {cells[0], microseconds(one.seconds), cells[2], percent(here / one.seconds - 1),
                 one.fitted ? "yes" : "no"};
      }
    }
    table.row(cells);
  }
  report.table(table);
}

}  // namespace shard::chapter_23
