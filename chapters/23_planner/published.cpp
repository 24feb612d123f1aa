#include "chapters/23_planner/published.h"

#include <array>

#include "chapters/23_planner/counting.h"
#include "chapters/23_planner/layer_time.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/folders.h"

namespace shard::chapter_23 {

namespace {

enum Column { table, row, cluster, model, layout, batch, software, unit, value, fitted, source };
constexpr size_t columns = source + 1;

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, '\t');) cells.push_back(cell);
  return cells;
}

double number_in(const std::string& cell) {
  size_t used = 0;
  double number = 0;
  try {
    number = std::stod(cell, &used);
  } catch (const std::exception&) {
  }
  require_usage(used == cell.size() && number > 0, "published_steps.tsv: \"", cell,
                "\" is not a number greater than 0");
  return number;
}

PublishedStep step_in(const std::string& line) {
  const std::vector<std::string> cells = cells_of(line);
  require_usage(cells.size() == columns, "published_steps.tsv: a row has ", cells.size(),
                " columns, not ", columns, ": ", line);
  return {.table = cells[table],
          .row = cells[row],
          .cluster = cells[cluster],
          .model = model_named(cells[model]),
          .layout = layout_from(cells[layout]),
          .batch = static_cast<int64_t>(number_in(cells[Column::batch])),
          .software = software_named(cells[software]),
          .unit = cells[unit],
          .value = number_in(cells[value]),
          .fitted = cells[fitted] == "yes",
          .source = cells[source]};
}

/// FLOPs of a device in a step, in 10¹²; 0 if the unit is not of FLOPs.
double device_teraflops(const PublishedStep& step) {
  const auto ranks = static_cast<double>(step.layout.ranks());
  if (step.unit == "TFLOP/s model") return model_flops(step.model, step.batch) / ranks / 1e12;
  if (step.unit == "TFLOP/s hardware")
    return hardware_flops(step.model, step.batch, step.layout.recompute) / ranks / 1e12;
  return 0;
}

constexpr double milli = 1e-3;

}  // namespace

std::vector<PublishedStep> published_steps() {
  std::istringstream in(
      read_file(source_folder() + "/chapters/23_planner/published_steps.tsv", 1 << 20));
  std::vector<PublishedStep> steps;
  std::string line;
  std::getline(in, line);  // the columns' names
  while (std::getline(in, line)) steps.push_back(step_in(line));
  return steps;
}

Clusters clusters_of(const std::vector<PublishedStep>& steps) {
  Clusters clusters;
  for (const PublishedStep& step : steps) {
    if (!clusters.contains(step.cluster))
      clusters[step.cluster] = cluster_from(cluster_file(step.cluster));
  }
  return clusters;
}

double in_unit(const PublishedStep& step, double seconds) {
  if (step.unit == "s") return seconds;
  if (step.unit == "ms a layer") return seconds / milli;
  const double teraflops = device_teraflops(step);
  require_usage(teraflops > 0, "published_steps.tsv: there is no unit \"", step.unit, "\"");
  return teraflops / seconds;
}

double published_seconds(const PublishedStep& step) {
  // FLOP/s and seconds are each other's inverse, up to the FLOPs
  return step.unit.starts_with("TFLOP/s") ? in_unit(step, step.value)
                                          : step.value / in_unit(step, 1);
}

double predicted_seconds(const PublishedStep& step, const Cluster& cluster) {
  if (step.unit == "ms a layer")
    return layer_time(step.model, step.layout, cluster, step.software, 0).both().total();
  return step_time(step.model, step.layout, step.batch, cluster, step.software).total();
}

double error_of(const PublishedStep& step, const Cluster& cluster) {
  return predicted_seconds(step, cluster) / published_seconds(step) - 1;
}

}  // namespace shard::chapter_23
