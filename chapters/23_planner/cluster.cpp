#include "chapters/23_planner/cluster.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/folders.h"
#include "common/storage/json_file.h"

namespace shard::chapter_23 {

namespace {

using nlohmann::ordered_json;

struct Number {
  const char* name;
  double Cluster::*value;
  bool can_be_zero = false;
  bool can_be_missing = false;
};

constexpr Number numbers[] = {
    {"peak", &Cluster::peak},
    {"memory", &Cluster::memory},
    {"memory_bandwidth", &Cluster::memory_bandwidth},
    {"product_share", &Cluster::product_share},
    {"product_edge", &Cluster::product_edge, true},
    {"memory_share", &Cluster::memory_share},
    {"pass_overhead", &Cluster::pass_overhead, true},
    {"between_share", &Cluster::between_share},
    {"bytes_per_value", &Cluster::bytes_per_value},
    {"adapter", &Cluster::adapter, true, true},
    {"elementwise_passes", &Cluster::elementwise_passes, false, true},
    {"gather_bandwidth", &Cluster::gather_bandwidth, true, true},
};

/// A JSON object of a cluster file, whose numbers are taken out by name.
class Object {
 public:
  Object(const nlohmann::json& json, std::string file) : json_(json), file_(std::move(file)) {
    require_usage(json.is_object(), file_, " is not a JSON object of a cluster's numbers");
  }
  double number(const std::string& name, bool can_be_zero) {
    known_.push_back(name);
    require_usage(json_.contains(name), file_, " has no number \"", name, "\"");
    require_usage(json_[name].is_number(), file_, ": \"", name, "\" is ", shortened(json_[name]),
                  ", not a number");
    const double value = json_[name];
    require_usage(std::isfinite(value) && (can_be_zero ? value >= 0 : value > 0), file_, ": \"",
                  name, "\" is ", value,
                  can_be_zero ? "; it must not be negative" : "; it must be greater than 0");
    return value;
  }
  bool has(const std::string& name) const { return json_.contains(name); }
  OperationCosts operations(const std::string& name) {
    known_.push_back(name);
    return has(name) ? OperationCosts(json_[name], file_) : OperationCosts();
  }
  std::string string(const std::string& name) {
    known_.push_back(name);
    require_usage(json_.contains(name) && json_[name].is_string(), file_, " has no text \"", name,
                  "\"");
    return json_[name];
  }
  Link link(const std::string& name) {
    known_.push_back(name);
    require_usage(json_.contains(name), file_, " has no link \"", name, "\"");
    Object link(json_[name], file_ + ", link \"" + name + "\",");
    const Link result{link.number("latency", true), link.number("bandwidth", false)};
    link.require_no_others();
    return result;
  }
  /// What nobody asked for is a misspelt name.
  void require_no_others() const {
    for (const auto& [name, value] : json_.items()) {
      require_usage(std::ranges::find(known_, name) != known_.end(), file_,
                    " has an unknown name \"", shortened(name), "\"");
    }
  }

 private:
  const nlohmann::json& json_;
  std::string file_;
  std::vector<std::string> known_;
};

ordered_json json_of(const Link& link) {
  return {{"latency", link.latency}, {"bandwidth", link.bandwidth}};
}

}  // namespace

std::filesystem::path cluster_file(const std::string& name) {
  const std::filesystem::path known =
      std::filesystem::path(source_folder()) / "chapters/23_planner/clusters" / (name + ".json");
  return name.find('/') == std::string::npos && exists(known) ? known : std::filesystem::path(name);
}

Cluster cluster_from(const std::filesystem::path& file) {
  const nlohmann::json json = read_json(file);
  Object object(json, file.string());
  Cluster cluster;
  cluster.name = object.string("name");
  if (object.has("source")) cluster.source = object.string("source");
  if (object.has("software")) cluster.software = object.string("software");
  const double node = object.number("node", false);
  require_usage(node == std::floor(node) && node <= 1e6, file.string(), ": a node of ", node,
                " devices is not a whole number up to a million");
  cluster.node = static_cast<int64_t>(node);
  cluster.inside = object.link("inside");
  cluster.between = object.link("between");
  for (const auto& [name, value, can_be_zero, can_be_missing] : numbers)
    if (!can_be_missing || object.has(name)) cluster.*value = object.number(name, can_be_zero);
  require_usage(cluster.bytes_per_value == 2 || cluster.bytes_per_value == 4, file.string(),
                ": \"bytes_per_value\" is ", cluster.bytes_per_value, "; it is 2 or 4");
  cluster.operations = object.operations("operations");
  object.require_no_others();
  return cluster;
}

void save(const Cluster& cluster, const std::filesystem::path& file) {
  ordered_json json{{"name", cluster.name},
                    {"source", cluster.source},
                    {"software", cluster.software},
                    {"node", cluster.node}};
  for (const Number& number : numbers) json[number.name] = cluster.*number.value;
  json["inside"] = json_of(cluster.inside);
  json["between"] = json_of(cluster.between);
  if (!cluster.operations.empty()) json["operations"] = cluster.operations.to_json();
  write_file("the cluster", file.string(), json.dump(2) + "\n");
}

}  // namespace shard::chapter_23
