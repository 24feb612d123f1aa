#include "chapters/23_planner/operation_costs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chapters/23_planner/nonnegative_least_squares.h"
#include "common/base/error.h"
#include "common/storage/json_file.h"

namespace shard::chapter_23 {
namespace {

Counts logarithms(const Counts& counts) {
  Counts logs;
  for (double count : counts) logs.push_back(std::log(std::max(count, 1.0)));
  return logs;
}

double product_of(const Counts& a, const Counts& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

std::string text_of(const std::vector<int64_t>& sizes) {
  std::string all;
  for (int64_t size : sizes) all += (all.empty() ? "" : " x ") + std::to_string(size);
  return all;
}

/// The sizes in "64 x 256 x 768"; none if it is not of that form.
std::vector<int64_t> sizes_in(const std::string& name) {
  constexpr size_t most_digits = 12;
  std::vector<int64_t> sizes;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find(" x ", begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    if (part.empty() || part.size() > most_digits || part.front() == '0' ||
        part.find_first_not_of("0123456789") != std::string::npos)
      return {};
    sizes.push_back(std::stoll(part));
    begin = end == name.size() ? end + 1 : end + 3;
  }
  return sizes;
}

}  // namespace

OperationCosts::OperationCosts(std::vector<Sample> samples) : samples_(std::move(samples)) {
  fit();
}

void OperationCosts::fit() {
  std::map<Operation, std::vector<std::pair<Counts, double>>> measured;
  for (const Sample& sample : samples_) {
    require(sample.seconds > 0, "a measurement of ", name_of(sample.operation), " took ",
            sample.seconds, " seconds");
    measured[sample.operation].emplace_back(work_of(sample).counts, sample.seconds);
  }
  for (const auto& [operation, pairs] : measured) {
    std::vector<Counts> rows;  // in seconds of the sample: Σ cost · row = 1
    for (const auto& [counts, seconds] : pairs) {
      rows.push_back(counts);
      for (double& count : rows.back()) count /= seconds;
    }
    Measured& all = operations_[operation];
    all.line = nonnegative_least_squares(rows, Counts(rows.size(), 1.0));
    for (const auto& [counts, seconds] : pairs) {
      all.at.push_back(logarithms(counts));
      all.above.push_back(std::log(seconds / product_of(all.line, counts)));
    }
  }
}

/// Shepard's interpolation, in the logarithms of the counts: the weight of a sample is d⁻⁴.
double OperationCosts::seconds(const OperationWork& work) const {
  constexpr double at_a_sample = 1e-6;
  const auto found = operations_.find(work.operation);
  require(found != operations_.end(), "the cluster file says nothing of the operation ",
          name_of(work.operation));
  const auto& [line, at, above] = found->second;
  const Counts here = logarithms(work.counts);
  double sum = 0, weights = 0;
  for (size_t i = 0; i < at.size(); ++i) {
    double distance = at_a_sample;
    for (size_t j = 0; j < here.size(); ++j)
      distance += (here[j] - at[i][j]) * (here[j] - at[i][j]);
    const double weight = 1 / (distance * distance);
    sum += weight * above[i];
    weights += weight;
  }
  return product_of(line, work.counts) * std::exp(sum / weights);
}

Counts OperationCosts::line(Operation operation) const {
  const auto found = operations_.find(operation);
  return found == operations_.end() ? Counts(5, 0.0) : found->second.line;
}

// ---- As JSON ------------------------------------------------------------------------------------

OperationCosts::OperationCosts(const nlohmann::json& json, const std::string& file) {
  require_usage(json.is_object(), file, ": \"operations\" is not an object");
  for (const auto& [name, measured] : json.items()) {
    const auto known = std::ranges::find(all_operations(), name, name_of);
    require_usage(known != all_operations().end(), file, " has an unknown operation \"",
                  shortened(name), "\"");
    const Operation operation = *known;
    require_usage(measured.is_object() && !measured.empty(), file, ": operation \"", name,
                  "\" is not an object of seconds by size");
    for (const auto& [size, seconds] : measured.items()) {
      const std::vector<int64_t> sizes = sizes_in(size);
      require_usage(sizes.size() == number_of_sizes(operation), file, ": operation \"", name,
                    "\": \"", shortened(size), "\" is not ",
                    number_of_sizes(operation) == 1 ? "a size" : "a size such as 64 x 256 x 768");
      require_usage(seconds.is_number() && std::isfinite(seconds.get<double>()) && seconds > 0,
                    file, ": operation \"", name, "\", size ", size, " takes ", shortened(seconds),
                    ", not a number of seconds greater than 0");
      samples_.push_back({operation, sizes, seconds});
    }
  }
  fit();
}

nlohmann::ordered_json OperationCosts::to_json() const {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [operation, sizes, seconds] : samples_)
    json[name_of(operation)][text_of(sizes)] = seconds;
  return json;
}

}  // namespace shard::chapter_23
