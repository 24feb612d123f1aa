// How a whole matrix is cut into the parts that the ranks hold.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/base/shape.h"

namespace shard {

/// Half-open: begin, begin + 1, …, end - 1.
struct Range {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

/// Part `index` of `parts` consecutive parts of 0 … whole-1; the first whole % parts parts hold one
/// element more. Throws Error if there is no such part.
Range part_of(int64_t whole, int parts, int index);

/// The sizes of all parts, in order, as an all_gather of uneven pieces needs them.
std::vector<int64_t> part_sizes(int64_t whole, int parts);

/// One rank's part of a whole matrix [rows × columns] (or vector [columns]): the elements that are
/// in one of the ranges `rows` and in one of the ranges `columns`. A range may extend past the end
/// of the whole matrix; the rest is padding, which exists only in the local part and is always
/// zero.
struct Shard {
  Shape whole;                       // of the whole matrix or vector
  std::vector<Range> rows, columns;  // held by this rank, one range after the other

  /// The whole matrix: a replicated parameter.
  static Shard all(Shape whole);
  /// Rows `range` of a matrix: the row-parallel cut.
  static Shard of_rows(Shape whole, Range range);
  /// Columns `ranges` of a matrix, or entries of a vector, one range after the other: the
  /// column-parallel cut.
  static Shard of_columns(Shape whole, std::vector<Range> ranges);

  /// Shape of the local part, including padding.
  Shape local() const;
  bool is_everything() const;  // whether the local part is the whole matrix
  bool operator==(const Shard&) const = default;

  /// Calls visit(local_begin, whole_begin, length) for each run of elements that are consecutive
  /// both in the local part and in the whole matrix.
  void for_each_run(const std::function<void(int64_t, int64_t, int64_t)>& visit) const;

  /// The local part of `whole_values`, with zeros in the padding. Throws Error for a wrong number
  /// of values.
  std::vector<float> cut(std::span<const float> whole_values) const;
  /// Writes the local part to its place in `whole_values`; padding is dropped. Throws Error for a
  /// wrong number of values on either side.
  void paste(std::span<const float> local_values, std::span<float> whole_values) const;
};

}  // namespace shard
