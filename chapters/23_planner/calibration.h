// --calibrate: a cluster file of this machine, from measurements of a minute at most.
#pragma once
#include <string>
#include <vector>

#include "chapters/23_planner/cluster.h"
#include "chapters/23_planner/measured_operations.h"

namespace shard::chapter_23 {

/// The seconds of each call: of `rounds` in turns the first quartile, as disturbances only make it
/// longer. All ranks begin each together, and the slowest counts: they share the memory's bandwidth
/// as in training. A call of less than `least` seconds is repeated that long. Collective.
std::vector<Sample> measure(Runtime& runtime, const std::vector<MeasuredCall>& calls,
                            int64_t rounds, double least);

/// Whose operations cost what the samples say; its product_share, product_edge, memory_bandwidth
/// and links, which are shown and saved only, follow from these costs. peak: FLOP/s of one rank.
Cluster cluster_of(const std::string& name, const std::vector<Sample>& samples, double peak,
                   double memory, int64_t ranks);

/// Measures, shows how fast each operation is and how far its sizes are from one line, and writes
/// `file`. Throws UsageError, before it measures, for a file that cannot be written, and on a GPU.
/// Collective.
void calibrate(Runtime& runtime, Report& report, const std::string& file);

}  // namespace shard::chapter_23
