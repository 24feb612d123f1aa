// Cluster: a machine as the planner sees it, read from a JSON file of clusters/: its data sheet,
// and the few numbers that were measured on it or fitted to published step times.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "chapters/23_planner/operation_costs.h"

namespace shard::chapter_23 {

/// A link's α and β: a message of n bytes takes latency + n / bandwidth.
struct Link {
  double latency = 0;    // seconds
  double bandwidth = 0;  // bytes/s of a device, one way
};

struct Cluster {
  std::string name, source;     // of the numbers
  std::string software;         // that they were fitted with; empty: not said
  double peak = 0;              // FLOP/s of matrix products, of the data sheet
  double memory = 0;            // bytes of a device
  double memory_bandwidth = 0;  // bytes/s, of the data sheet
  int64_t node = 1;             // devices of a node
  Link inside, between;         // inside a node; between nodes: of the adapters a device has

  // measured or fitted
  double product_share = 1;  // of peak: a very large product
  double product_edge = 0;  // elements: products of few rows or columns take 1 + edge·(1/M+1/N+1/K)
  double memory_share = 1;     // of memory_bandwidth: a pass over memory
  double pass_overhead = 0;    // seconds a layer's pass takes beside its work: launches
  double between_share = 1;    // of between.bandwidth
  double bytes_per_value = 2;  // of weights and activations: 2 for half precision, 4 for f32
  // These four may be left out of a file, as source and software may.
  double adapter = 0;             // bytes/s of one of a node's adapters; 0: between.bandwidth
  double elementwise_passes = 1;  // times the traffic of fused operations: 2019's were not fused
  double gather_bandwidth = 0;    // bytes/s of a device that gathers sharded weights; 0: the links'
  OperationCosts operations;      // of a CPU, as --calibrate has measured them; of a GPU none
};

/// clusters/a100-80.json for "a100-80", else the file of that name.
std::filesystem::path cluster_file(const std::string& name);
/// Throws UsageError in one sentence for a file that cannot be read, for numbers that are missing
/// or negative, and for unknown names.
Cluster cluster_from(const std::filesystem::path& file);
void save(const Cluster& cluster, const std::filesystem::path& file);

}  // namespace shard::chapter_23
