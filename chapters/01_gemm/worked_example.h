// The worked example: X times A, 4 × 4, small whole numbers, so that every product can be checked
// by hand. Chapters 03, 04 and 05 split the same matrices.
#pragma once
#include <string>

#include "common/check/reference.h"

namespace shard::chapter_01 {

struct WorkedExample {
  reference::Matrix x, a;  // [4 × 4] each
};
WorkedExample worked_example();

/// One element of X·A, term by term: "Y[1][3] = X[1][0]·A[0][3] + … = 2·3 + … = 28".
std::string dot_product(const WorkedExample& example, int64_t row, int64_t column);

/// A matrix as lines of text, in brackets.
std::string drawn(const reference::Matrix& matrix);

/// Blocks of lines side by side, each with its name above it.
struct Labelled {
  std::string name, block;
};
std::string side_by_side(const std::vector<Labelled>& blocks);

}  // namespace shard::chapter_01
