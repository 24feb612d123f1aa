#include "chapters/23_planner/published_memory.h"

#include <algorithm>
#include <cmath>

#include "chapters/23_planner/memory.h"
#include "common/check/reference.h"

namespace shard::chapter_23 {
namespace {

using reference::larger;

constexpr double gibi = 1 << 30;  // GB in the paper's text are GiB

struct Row {
  ModelShape model;
  int64_t pp, chunks, micro_batch;
  // GiB: weights and optimizer, activations without recomputation, with sp and selective
  double state, all, selective;
  double of_calculon[3];
  /// Figure 7, % of tensor parallelism alone: with sp; selective; both; full recomputation.
  std::array<double, 4> shares;
};

ModelShape gpt(const std::string& name, int64_t layers, int64_t width, int64_t heads) {
  return {.name = name,
          .layers = layers,
          .width = width,
          .heads = heads,
          .context = 2048,
          .vocabulary = 51200};
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all{{gpt("22B", 48, 6144, 64),
                                     1,
                                     1,
                                     4,
                                     45.5625,
                                     59.25,
                                     9.5625,
                                     {40.62, 59.44, 10.40},
                                     {66.84, 49.42, 16.18, 7.64}},
                                    {gpt("175B", 96, 12288, 96),
                                     8,
                                     3,
                                     1,
                                     45.5625,
                                     66.84375,
                                     12.3515625,
                                     {40.93, 66.94, 12.69},
                                     {62.04, 56.53, 18.49, 8.71}},
                                    {gpt("530B", 105, 20480, 128),
                                     35,
                                     3,
                                     1,
                                     31.640625,
                                     114.0234375,
                                     23.076171875,
                                     {29.30, 114.18, 23.56},
                                     {58.31, 62.04, 20.27, 9.42}},
                                    {gpt("1T", 128, 25600, 160),
                                     64,
                                     1,
                                     1,
                                     32.958984375,
                                     131.25,
                                     26.5625,
                                     {31.13, 131.45, 27.17},
                                     {58.31, 62.04, 20.27, 9.42}}};
  return all;
}

Layout layout_of(const Row& row, bool sequence_parallel, Recompute recompute) {
  return {.tp = 8,
          .pp = row.pp,
          .micro_batch = row.micro_batch,
          .chunks = row.chunks,
          .sequence_parallel = sequence_parallel,
          .recompute = recompute,
          .schedule = row.chunks > 1 ? "interleaved" : "1f1b"};
}

int64_t layers_of_stage(const Row& row) { return row.model.layers / row.pp; }

/// The paper counts the four matrices of each layer: 12·L·h²/(t·p) values on a rank.
double matrices_of_layer(const Row& row) {
  return 12 * std::pow(static_cast<double>(row.model.width), 2) / 8;
}
double matrices(const Row& row) {
  return matrices_of_layer(row) * static_cast<double>(layers_of_stage(row));
}

double state(const Row& row) {
  const ValueBytes bytes;
  return (bytes.weight + bytes.gradient + bytes.optimizer) * matrices(row) / gibi;
}

/// Calculon counts gradients of 2 bytes, and those of one layer in f32.
double state_of_calculon(const Row& row) {
  return (16 * matrices(row) + 2 * matrices_of_layer(row)) / gibi;
}

/// Of the first stage's layers; many micro-batches follow each other.
double activations(const Row& row, const Layout& layout) {
  const int64_t batch = 8 * row.pp * row.micro_batch;
  return kept_of_layer(row.model, layout) * static_cast<double>(layers_of_stage(row)) *
         micro_batches_kept(layout, batch, 0) / gibi;
}

std::string beside(double published, double calculon) {
  return fixed(calculon) + " (" + fixed(100 * (calculon / published - 1), 1) + " %)";
}

}  // namespace

void check_published_memory(Report& report) {
  report.heading(
      "Memory of the first stage as published (arXiv:2205.05198), GiB; Calculon's, with its error");
  Table table({"model", "weights, optimizer", "here", "Calculon", "activations", "here", "Calculon",
               "sp, selective", "here", "Calculon"});
  Table shares({"% of tp alone, figure 7", "sp", "here", "selective", "here", "both", "here",
                "full", "here"});
  double error = 0, points = 0, explained = 0;
  for (const Row& row : rows()) {
    const Layout tensor = layout_of(row, false, Recompute::none);
    const double ours[3] = {state(row), activations(row, tensor),
                            activations(row, layout_of(row, true, Recompute::selective))};
    const double published[3] = {row.state, row.all, row.selective};
    std::vector<std::string> cells{row.model.name};
    for (size_t i = 0; i < 3; ++i) {
      cells.insert(cells.end(), {short_number(published[i]), short_number(ours[i]),
                                 beside(published[i], row.of_calculon[i])});
      error = larger(error, std::abs(ours[i] / published[i] - 1));
    }
    table.row(cells);
    explained = larger(explained, std::abs(state_of_calculon(row) - row.of_calculon[0]));

    std::vector<std::string> share_cells{row.model.name};
    const std::pair<bool, Recompute> designs[4] = {{true, Recompute::none},
                                                   {false, Recompute::selective},
                                                   {true, Recompute::selective},
                                                   {false, Recompute::full}};
    for (size_t i = 0; i < 4; ++i) {
      const Layout layout = layout_of(row, designs[i].first, designs[i].second);
      const double share = 100 * activations(row, layout) / activations(row, tensor);
      share_cells.insert(share_cells.end(), {fixed(row.shares[i]), fixed(share)});
      points = larger(points, std::abs(share - row.shares[i]));
    }
    shares.row(share_cells);
  }
  report.table(table);
  report.table(shares);
  report.line("  Calculon's own shares are off by 6.7 % on average, at worst by 30.4 %.");
  report.check("weights, optimizer and activations, as published", error, 1e-6);
  report.check("figure 7, in points; it was read off its pixels", points, 0.2);
  report.check("Calculon's weights and optimizer are 2 bytes a gradient less, GiB", explained,
               0.02);
}

}  // namespace shard::chapter_23
