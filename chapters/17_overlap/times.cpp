#include "chapters/17_overlap/times.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>

#include "chapters/17_overlap/emulated_link.h"

namespace shard::chapter_17 {
namespace {

std::string chunks_text(int chunks) { return chunks == 0 ? "whole" : text(chunks); }

std::string rate_text(double bytes_per_second) {
  return fixed(1e-9 * bytes_per_second, 1) + " GB/s";
}

std::string line_text(const char* name, const Line& line) {
  return text("  ", name, ": ", seconds_text(line.latency), " + bytes / (",
              rate_text(line.bandwidth()), "), within ", fixed(100 * line.error, 0), " %");
}

using Products = std::span<const MeasuredProduct>;  // with one number of rows

double measured_time(const MeasuredProduct& one) { return one.seconds; }

int fastest(Products of) { return std::ranges::min_element(of, {}, measured_time)->chunks; }

/// Of 0 (whole) to 64 chunks, that for which the model's time is least.
int choice_of(const OverlapModel& model, double bytes) {
  std::vector<int> choices(65);
  std::iota(choices.begin(), choices.end(), 0);
  return model.best_chunks(bytes, choices);
}

std::vector<std::string> row_of(const std::string& rows, const std::string& name, Products of,
                                const std::function<double(const MeasuredProduct&)>& seconds,
                                int best) {
  std::vector<std::string> row{rows, name};
  for (const MeasuredProduct& one : of) row.push_back(seconds_text(seconds(one)));
  row.push_back(chunks_text(best));
  return row;
}

void show(Report& report, const std::string& name, const Measurement& measured,
          const TimingSizes& sizes) {
  const OverlapModel& model = measured.model;
  report.line(line_text("a product of some of X", model.product));
  report.line(line_text("an exchange of some of X", model.exchange));
  report.line(text("  share of an exchange in which a core is busy with it: ", fixed(model.busy)));
  std::vector<std::string> heading{"rows", "", "whole"};
  for (int chunks : sizes.chunks) heading.push_back(text(chunks));
  heading.push_back("best");
  Table table(heading);
  const size_t ways = 1 + sizes.chunks.size();
  for (size_t i = 0; i < sizes.rows.size(); ++i) {
    const Products gathered = Products(measured.gathered).subspan(i * ways, ways),
                   scattered = Products(measured.scattered).subspan(i * ways, ways);
    const double bytes = gathered[0].bytes;
    table.row(row_of(text(sizes.rows[i]), "gather", gathered, measured_time, fastest(gathered)));
    table.row(row_of(
        "", "model", gathered, [&](const MeasuredProduct& one) { return modelled(model, one); },
        choice_of(model, bytes)));
    table.row(row_of("", "scatter", scattered, measured_time, fastest(scattered)));
    report.result(text("speedup_", name, "_", sizes.rows[i]),
                  gathered[0].seconds /
                      std::ranges::min_element(gathered, {}, measured_time)->seconds);
  }
  report.table(table);
  report.line(text("  The model is off by ",
                   fixed(100 * relative_error(model, measured.gathered), 0),
                   " % (root mean square)."));
  report.result("busy_share_" + name, model.busy);
}

}  // namespace

void show_times(Runtime& runtime, Report& report, const TimingSizes& sizes,
                double bytes_per_second) {
  if (runtime.world().size() == 1) return;
  report.heading(
      text("Times of Y = gather(X)·W and dX = scatter(dY·Wᵀ), whole or in chunks per "
           "rank: W [",
           sizes.in, " × ", sizes.out, "], medians of ", sizes.repeat));
  report.line("Directly:");
  show(report, "directly", measure(runtime, runtime.world(), sizes), sizes);
  report.line();
  report.line(text("On an emulated link of ", rate_text(bytes_per_second), ":"));
  EmulatedLink link(runtime.world(), {.bytes_per_second = bytes_per_second});
  show(report, "on_link", measure(runtime, link, sizes), sizes);
}

void show_published_times(Report& report) {
  // microseconds: PyTorch, pull request 143160
  constexpr double whole = 301, chunks = 354, watching = 295, multicast = 277;
  report.heading("Published: an all-gather and a product of 2048 rows, 8192 → 3584, on GPUs");
  Table table({"PyTorch, pull request 143160", "time"});
  table.row({"gathered whole, then multiplied", seconds_text(1e-6 * whole)});
  table.row({"in chunks", seconds_text(1e-6 * chunks)});
  table.row({"one kernel that waits for each chunk", seconds_text(1e-6 * watching)});
  table.row({"gathered by the switch, then multiplied", seconds_text(1e-6 * multicast)});
  report.table(table);
  // Whatever part of `whole` is the gather, what chunks hide is at most half of `whole`.
  report.line(text("  Chunks that cost nothing would take ", fixed(whole / 2, 0), " to ",
                   fixed(whole, 0), " µs; these cost ", fixed(chunks - whole, 0), " to ",
                   fixed(chunks - whole / 2, 0), " µs: not to cut is best."));
}

}  // namespace shard::chapter_17
