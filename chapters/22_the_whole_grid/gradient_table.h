// The table of gradients: for each kind of parameter, which ranks sum its gradient, and which of
// them count it in the norm. The layers say the same of each parameter (partial_over, counts); the
// recipe compares the two, GridNorm reads both, and --groups prints the table.
#pragma once
#include "common/base/format.h"
#include "common/comm/grid.h"
#include "common/tensor/parameter.h"

namespace shard::chapter_22 {

/// What a parameter is to the ranks of a grid.
enum class Kind { cut, whole, tied, expert };

struct GradientRow {
  Kind kind;
  std::string what, example;
  Axes summed_over;           // ranks along these have terms of the gradient
  Axes summed_with_cut_rows;  // and along these, with sequence parallelism
  /// Ranks along these have other elements, and each counts its own. Along all other axes the ranks
  /// have the same ones, and the first counts them.
  Axes counted_over;
};

/// A row for each kind.
const std::vector<GradientRow>& gradient_table();
/// The row of a parameter, by what it is: an expert's (partial over "edp"), the tied table, cut, or
/// whole on every tp rank.
const GradientRow& row_of(const Parameter& parameter);

/// Those of the row's axes that have several ranks, in the grid's order: "tp-cp"; "" for none.
std::string summed_over(const GridLayout& layout, const GradientRow& row, bool sequence_parallel);
/// Whether this rank counts the parameter in the norm, if all ranks of the grid add up what they
/// count.
bool counts_here(const Grid& grid, const Parameter& parameter);

/// Throws Error, naming the parameter, unless its layer says what the table says.
void require_as_in_table(const Grid& grid, const Parameters& parameters, bool sequence_parallel);

/// The table in words.
Table gradient_table_text();

}  // namespace shard::chapter_22
