#include "chapters/02_collectives/speed_table.h"

#include "chapters/02_collectives/ring_all_reduce.h"
#include "chapters/02_collectives/speed.h"
#include "chapters/02_collectives/test_vectors.h"
#include "common/check/reference.h"

namespace shard::chapter_02 {

using namespace reference;

static std::string gigabytes(double bytes_per_second) {
  return fixed(bytes_per_second / 1e9) + " GB/s";
}

namespace {

struct Times {
  std::string name;
  AllReduce all_reduce;
  std::vector<double> seconds{};  // for each size
};

}  // namespace

/// Measures both at every size and prints the table.
static void measure(Communicator& world, Report& report, uint64_t seed,
                    const std::vector<double>& sizes, Times& ring, Times& library) {
  const int64_t most = static_cast<int64_t>(sizes.back()) / size_of(DataType::f32);
  const Tensor all = to_tensor(world, random_values(seed, world.rank(), most, true));
  Table table({"size", "ring", "bus bandwidth", "library", "bus bandwidth"});
  double difference = 0;
  for (double bytes : sizes) {
    const Tensor term = all.slice({0, static_cast<int64_t>(bytes) / size_of(DataType::f32)});
    Tensor sums[2];
    std::vector<std::string> cells{bytes < 1 << 20 ? text(bytes / 1024, " KiB")
                                                   : text(bytes / (1 << 20), " MiB")};
    for (Times* times : {&ring, &library}) {
      const double seconds =
          median_seconds(world, times->all_reduce, term, sums[times == &library]);
      times->seconds.push_back(seconds);
      cells.push_back(seconds_text(seconds));
      cells.push_back(gigabytes(bus_bandwidth(bytes, seconds, world.size())));
    }
    table.row(std::move(cells));
    difference = larger(difference, relative_error(sums[0], sums[1]));
  }
  report.table(table);
  report.check("ring and library give the same sums of whole numbers, exactly", difference, 0);
}

void show_speed(Runtime& runtime, Report& report, int64_t max_bytes) {
  Communicator& world = runtime.world();
  report.heading("Speed: the ring against the library's all-reduce");
  if (world.size() == 1)
    return report.line("  With one rank there is nothing to send: run with 2 or more.");
  std::vector<double> sizes;
  for (int64_t bytes = 4096; bytes <= max_bytes; bytes *= 4)
    sizes.push_back(static_cast<double>(bytes));
  Times ring{"ring", [&](const PartialSum& x) { return ring_all_reduce(world, x); }};
  Times library{"library", [&](const PartialSum& x) { return world.all_reduce(x); }};
  measure(world, report, runtime.options().seed, sizes, ring, library);

  Table lines({"time = latency + bytes / bandwidth", "latency", "bandwidth", "bus bandwidth",
               "error of the line"});
  for (const Times& times : {ring, library}) {
    const Line line = fit_line(sizes, times.seconds);
    const double bus = bus_bandwidth(line.bandwidth(), 1, world.size());
    lines.row({times.name, seconds_text(line.latency), gigabytes(line.bandwidth()), gigabytes(bus),
               fixed(100 * line.error, 0) + " %"});
    report.result(times.name + "_seconds", times.seconds);
    report.result(times.name + "_latency_seconds", line.latency);
    report.result(times.name + "_bytes_per_second", line.bandwidth());
    report.result(times.name + "_fit_error", line.error);
  }
  report.result("bytes", sizes);
  report.line();
  report.table(lines);
}

}  // namespace shard::chapter_02
