#include "chapters/23_planner/calibration.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/clock.h"
#include "common/base/counted.h"
#include "common/program/output_files.h"

namespace shard::chapter_23 {
namespace {

double memory_of_a_rank(int64_t ranks) {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<double>(sysconf(_SC_PAGE_SIZE)) / static_cast<double>(ranks);
}

/// Of the second count, as m·k·n, elements or bytes, in the fastest sample: a second.
double fastest(const OperationCosts& costs, Operation operation) {
  double best = 0;
  for (const Sample& sample : costs.samples()) {
    if (sample.operation == operation)
      best = std::max(best, work_of(sample).counts[1] / sample.seconds);
  }
  return best;
}

std::string speed_text(const OperationCosts& costs, Operation operation) {
  if (operation == Operation::attention || operation == Operation::attention_backward) return "";
  const double rate = fastest(costs, operation) / 1e9;
  if (operation < Operation::attention) return fixed(2 * rate, 0) + " GFLOP/s";
  return fixed(rate, 2) + (is_between_ranks(operation) ? " GB/s" : " G elements/s");
}

void show(Report& report, const OperationCosts& costs) {
  Table table({"operation", "sizes", "a call", "at most", "off a line, mean"});
  for (const Operation operation : all_operations()) {
    const Counts line = costs.line(operation);
    int64_t samples = 0;
    double off = 0;
    for (const Sample& sample : costs.samples()) {
      if (sample.operation != operation) continue;
      const Counts counts = work_of(sample).counts;
      const double on_line = std::inner_product(line.begin(), line.end(), counts.begin(), 0.0);
      off += std::abs(on_line / sample.seconds - 1);
      ++samples;
    }
    if (samples == 0) continue;
    table.row({name_of(operation), text(samples), seconds_text(line[0]),
               speed_text(costs, operation),
               fixed(100 * off / static_cast<double>(samples), 1) + " %"});
  }
  report.table(table);
}

void add_results(Report& report, const Cluster& cluster, double seconds) {
  report.result("seconds", seconds);
  report.result("peak", cluster.peak);
  report.result("product_share", cluster.product_share);
  report.result("memory_bandwidth", cluster.memory_bandwidth);
  report.result("link_latency", cluster.inside.latency);
  report.result("link_bandwidth", cluster.inside.bandwidth);
}

}  // namespace

std::vector<Sample> measure(Runtime& runtime, const std::vector<MeasuredCall>& calls,
                            int64_t rounds, double least) {
  Communicator& world = runtime.world();
  std::vector<int64_t> repeats;
  for (const MeasuredCall& each : calls) {
    each.call();  // what is allocated only once
    const double start = now();
    each.call();
    const double calls_in_time = least / world.max_of(now() - start);
    repeats.push_back(static_cast<int64_t>(std::ceil(std::clamp(calls_in_time, 1.0, 1000.0))));
  }
  std::vector<std::vector<double>> seconds(calls.size());
  for (int64_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < calls.size(); ++i) {
      world.barrier();
      const double start = now();
      for (int64_t repeat = 0; repeat < repeats[i]; ++repeat) calls[i].call();
      seconds[i].push_back(world.max_of(now() - start) / static_cast<double>(repeats[i]));
    }
  }
  std::vector<Sample> samples;
  for (size_t i = 0; i < calls.size(); ++i) {
    std::ranges::sort(seconds[i]);
    samples.push_back(calls[i].sample);
    samples.back().seconds = seconds[i][seconds[i].size() / 4];
  }
  return samples;
}

Cluster cluster_of(const std::string& name, const std::vector<Sample>& samples, double peak,
                   double memory, int64_t ranks) {
  Cluster cluster;
  cluster.name = name;
  cluster.software = "shard";
  cluster.peak = peak;
  cluster.memory = memory;
  cluster.node = ranks;
  cluster.bytes_per_value = 4;
  cluster.operations = OperationCosts(samples);
  const OperationCosts& costs = cluster.operations;
  const Counts product = costs.line(Operation::linear), sum = costs.line(Operation::all_reduce);
  cluster.memory_bandwidth = 8 * fastest(costs, Operation::copy);  // reads and writes f32
  cluster.product_share = 2 / product[1] / peak;
  cluster.product_edge = (product[2] + product[3] + product[4]) / 3 / product[1];
  cluster.pass_overhead = costs.line(Operation::norm)[0];
  const double sent = 2 * (1 - 1 / static_cast<double>(ranks));  // by each rank, of each byte
  cluster.inside = ranks == 1 ? Link{0, cluster.memory_bandwidth} : Link{sum[0], sent / sum[1]};
  cluster.between = cluster.inside;
  return cluster;
}

void calibrate(Runtime& runtime, Report& report, const std::string& file) {
  constexpr int64_t rounds = 7;
  constexpr double least = 1e-3;  // seconds
  Communicator& world = runtime.world();
  require_usage(runtime.backend().host_transfer() == nullptr,
                "--calibrate measures CPUs: add --device cpu");
  require_writable(world, "--calibrate", file);
  const double start = now();
  const double ranks = world.size();
  const double peak = world.sum_of(runtime.backend().measure_peak().flops) / ranks;
  const std::vector<Sample> samples = measure(runtime, measured_calls(runtime), rounds, least);
  const Cluster cluster = cluster_of(text("here-", world.size()), samples, peak,
                                     memory_of_a_rank(world.size()), world.size());
  const double seconds = world.max_of(now() - start);
  report.heading(text("What operations take here, ", counted(world.size(), "rank"), " at a time"));
  show(report, cluster.operations);
  report.line(text("  ", samples.size(), " sizes in ", fixed(seconds, 1), " s. Of a peak of ",
                   fixed(peak / 1e9, 0), " GFLOP/s a rank, a very large product would reach ",
                   fixed(100 * cluster.product_share, 0), " %."));
  report.check("seconds of all measurements", seconds, 60);
  if (world.rank() == 0) save(cluster, file);
  report.line("  written: " + file);
  add_results(report, cluster, seconds);
}

}  // namespace shard::chapter_23
