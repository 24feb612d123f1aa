// Exercise 22.2: who sums what.
//
// After the backward pass each rank has a gradient for each of its parameters. For some it is
// complete along an axis: all ranks of that axis have computed the same, or each has its own part.
// For others it is one term of a sum, and nothing in its shape says so. One axis too few: copies of
// a weight drift apart. One too many: the gradient is t times too large, which AdamW hides.
//
//     cp, dp   other tokens on every rank, the same weights
//     tp       the same tokens and other columns; with sequence parallelism, between the sums,
//              other rows and the same weights
//     pp       other layers, but for the tied table
//     ep       other experts: along edp, which is what is left of cp and dp, the same one
//
// Write: summed_over. About 5 lines.
// Shapes: the axes' names; the test sums gradients of a grid of 48 ranks, as plain numbers, along
//         the axes that you name, puts their parts together, and compares with the whole gradient.
// Ledger: nothing.
#include "exercises/22_the_whole_grid/2_who_sums_what.h"

#include "exercises/todo.h"

namespace shard {

std::vector<std::string> summed_over(const ParameterFacts& parameter, bool sequence_parallel) {
  todo("summed_over");
}

}  // namespace shard
