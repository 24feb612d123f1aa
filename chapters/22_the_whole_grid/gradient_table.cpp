#include "chapters/22_the_whole_grid/gradient_table.h"

#include <algorithm>

#include "common/base/error.h"

namespace shard::chapter_22 {

//! [22-table]
const std::vector<GradientRow>& gradient_table() {
  static const std::vector<GradientRow> table{
      {.kind = Kind::cut,
       .what = "cut over tp: columns, rows, heads",
       .example = "h.0.mlp.c_fc.weight",
       .summed_over = {"cp", "dp"},
       .summed_with_cut_rows = {},
       .counted_over = {"tp", "pp"}},
      {.kind = Kind::whole,
       .what = "whole on every tp rank: norms, positions, routers",
       .example = "h.0.ln_1.weight",
       .summed_over = {"cp", "dp"},
       .summed_with_cut_rows = {"tp"},
       .counted_over = {"pp"}},
      {.kind = Kind::tied,
       .what = "the tied table, on the first and the last stage",
       .example = "wte.weight",
       .summed_over = {"cp", "dp", "pp"},
       .summed_with_cut_rows = {},
       .counted_over = {"tp"}},
      {.kind = Kind::expert,
       .what = "an expert, on the ranks of one ep place",
       .example = "an expert's c_fc.weight",
       .summed_over = {"edp"},
       .summed_with_cut_rows = {},
       .counted_over = {"tp", "ep", "pp"}}};
  return table;
}
//! [22-table]

const GradientRow& row_of(const Parameter& parameter) {
  const auto row = [](Kind kind) -> const GradientRow& {
    return *std::ranges::find(gradient_table(), kind, &GradientRow::kind);
  };
  if (parameter.is_partial_over("edp")) return row(Kind::expert);
  if (parameter.name == "wte.weight") return row(Kind::tied);
  return row(parameter.is_replicated() ? Kind::whole : Kind::cut);
}

/// Those with several ranks; axes that the grid has not have one.
static std::string several(const GridLayout& layout, Axes axes) {
  std::erase_if(axes, [&](const std::string& axis) {
    return !layout.has(axis) || layout.size(axis) == 1;
  });
  return axes.empty() ? "" : layout.name_of(axes);
}

std::string summed_over(const GridLayout& layout, const GradientRow& row, bool sequence_parallel) {
  Axes axes = row.summed_over;
  if (sequence_parallel)
    axes.insert(axes.end(), row.summed_with_cut_rows.begin(), row.summed_with_cut_rows.end());
  return several(layout, axes);
}

//! [22-counts]
bool counts_here(const Grid& grid, const Parameter& parameter) {
  const Axes& each_its_own = row_of(parameter).counted_over;
  const bool expert = parameter.is_partial_over("edp");
  const Axes replicas = expert ? Axes{"ep", "edp"} : Axes{"cp", "dp"};
  return parameter.counts && std::ranges::all_of(replicas, [&](const std::string& axis) {
           return std::ranges::count(each_its_own, axis) > 0 || grid.coordinate(axis) == 0;
         });
}
//! [22-counts]

void require_as_in_table(const Grid& grid, const Parameters& parameters, bool sequence_parallel) {
  for (const Parameter* parameter : parameters) {
    const GradientRow& row = row_of(*parameter);
    const std::string said = several(grid.layout(), parameter->partial_over),
                      right = summed_over(grid.layout(), row, sequence_parallel);
    require(said == right, parameter->name, " is summed over \"", said, "\", but the table says \"",
            right, "\"");
    if (row.kind == Kind::expert)
      continue;  // of tp ranks some of its biases count once, others not
    bool counts = true;
    for (const std::string axis : {"tp", "pp"})
      counts =
          counts && (std::ranges::count(row.counted_over, axis) > 0 || grid.coordinate(axis) == 0);
    require(parameter->counts == counts, parameter->name, counts ? " does not count" : " counts",
            " on a rank where the table says otherwise");
  }
}

Table gradient_table_text() {
  const auto joined = [](const Axes& axes) {
    std::string all;
    for (const std::string& axis : axes) all += (all.empty() ? "" : ", ") + axis;
    return all;
  };
  Table table({"a parameter that is …", "such as", "is summed over", "with cut rows also",
               "and counted over"});
  for (const GradientRow& row : gradient_table()) {
    table.row({row.what, row.example, joined(row.summed_over), joined(row.summed_with_cut_rows),
               joined(row.counted_over)});
  }
  return table;
}

}  // namespace shard::chapter_22
