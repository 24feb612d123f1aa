#include "chapters/20_context_parallel/published.h"

#include <algorithm>
#include <cmath>

namespace shard::chapter_20 {

void show_published_efficiency(Report& report) {
  report.heading(
      "A contiguous causal ring: c/(2c-1) of the zigzag ring's speed, which is 1 ideally");
  Table table({"c", "c/(2c-1)", "zigzag faster by", "first rank waits", "published"});
  double worst = 0;
  for (const int c : {2, 3, 4, 8, 16}) {
    const double share = c / (2.0 * c - 1), waits = 1 - 0.5 / (c - 0.5);
    std::string published;
    if (c == 4) {  // zigzag faster by, and the first rank's waiting
      published = "zigzag faster by 1.67, first rank waits 83.1 %";
      worst = std::max({worst, std::abs(1 / share / 1.67 - 1), std::abs(waits / 0.831 - 1)});
    }
    if (c == 8) {  // of the speed of one GPU, several settings
      published = "51.4 to 53.9 % of one GPU's speed; zigzag 81.7 to 90.2 %";
      worst = std::max({worst, share / 0.514 - 1, 1 - share / 0.539});
    }
    table.row({text(c), fixed(100 * share, 1) + " %", fixed(1 / share, 3),
               fixed(100 * waits, 1) + " %", published});
  }
  report.table(table);
  report.line("  c = 8: README of zhuzilin/ring-flash-attention; c = 4: mlc-ai/pith-train#39");
  report.check("the published numbers are within 6 % of the formulas", worst, 0.06);
}

void show_hiding(Report& report) {
  report.heading("Tokens of a chunk from which attention takes longer than the next hop");
  report.line("  a hop of n tokens: 4·n·h bytes of k and v in bf16; attention meanwhile: 4·n²·h");
  report.line("  operations: n ≥ operations per second / bytes per second");
  struct Machine {
    const char* name;
    double flops, bandwidth, published;  // per second, bytes per second, thousands of tokens
  };
  // Table 2's machines. It has the quotients; the rates are their vendors'.
  constexpr Machine machines[] = {{"A100, NVLink", 312e12, 300e9, 1.0},
                                  {"A100, InfiniBand", 312e12, 12.5e9, 24.5},
                                  {"TPU v3", 123e12, 112e9, 1.1},
                                  {"TPU v4", 275e12, 268e9, 1.0},
                                  {"TPU v5e", 196e12, 186e9, 1.1}};
  Table table({"", "TFLOP/s", "GB/s", "tokens of a chunk", "table 2"});
  double worst = 0;
  for (const Machine& machine : machines) {
    const double tokens = machine.flops / machine.bandwidth;
    worst = std::max(worst, std::abs(tokens / 1e3 - machine.published) / machine.published);
    table.row({machine.name, fixed(machine.flops / 1e12, 0), fixed(machine.bandwidth / 1e9, 1),
               fixed(tokens, 0), fixed(machine.published, 1) + " thousand"});
  }
  report.table(table);
  report.check("table 2 is the quotient, but for its rounding", worst, 0.05);
}

}  // namespace shard::chapter_20
