#include "chapters/17_overlap/times.h"

#include <algorithm>

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

void show(Report& report, const Measurement& measured, const TimingSizes& sizes) {
  const OverlapModel& model = measured.model;
  report.line(line_text("a product of some of X", model.product));
  report.line(line_text("an exchange of some of X", model.exchange));
  report.line(text("  share of an exchange in which a core is busy with it: ", fixed(model.busy)));
  std::vector<std::string> heading{"rows of X", "time"};
  std::vector<int> choices{0};
  choices.insert(choices.end(), sizes.chunks.begin(), sizes.chunks.end());
  for (int chunks : choices) heading.push_back(chunks_text(chunks));
  heading.push_back("best");
  Table table(heading);
  auto next = measured.products.begin();
  for (int64_t rows : sizes.rows) {
    const auto begin = next, end = begin + std::ssize(choices);
    next = end;
    std::vector<std::string> of_machine{text(rows), "measured"}, of_model{"", "model"};
    for (auto one = begin; one != end; ++one) {
      of_machine.push_back(seconds_text(one->seconds));
      of_model.push_back(seconds_text(modelled(model, *one)));
    }
    const auto best = std::min_element(begin, end, [](const auto& a, const auto& b) {
      return a.seconds < b.seconds;
    });
    of_machine.push_back(chunks_text(best->chunks));
    of_model.push_back(chunks_text(model.best_chunks(begin->bytes, choices)));
    table.row(of_machine);
    table.row(of_model);
  }
  report.table(table);
  report.line(text("  The model is off by ",
                   fixed(100 * relative_error(model, measured.products), 0),
                   " % (root mean square)."));
}

}  // namespace

void show_times(Runtime& runtime, Report& report, const TimingSizes& sizes,
                double bytes_per_second) {
  if (runtime.world().size() == 1) return;
  report.heading(text("Gather and multiply, whole or in chunks per rank: W [", sizes.in, " × ",
                      sizes.out, "] on each rank; medians of ", sizes.repeat));
  report.line("Directly:");
  show(report, measure(runtime, runtime.world(), sizes), sizes);
  report.line();
  report.line(text("On an emulated link of ", rate_text(bytes_per_second), ":"));
  EmulatedLink link(runtime.world(), {.bytes_per_second = bytes_per_second});
  show(report, measure(runtime, link, sizes), sizes);
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
                   fixed(chunks - whole / 2, 0), " µs. The best number of them is one."));
}

}  // namespace shard::chapter_17
