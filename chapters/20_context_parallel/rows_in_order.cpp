#include "chapters/20_context_parallel/rows_in_order.h"

#include <algorithm>

#include "common/tensor/ops.h"

namespace shard {

static Tensor to_tensor(Backend& backend, const std::vector<int32_t>& numbers) {
  return Tensor::from(backend, {std::ssize(numbers)}, std::span<const int32_t>(numbers));
}

RowsInOrder::RowsInOrder(Backend& backend, const SequenceCut& cut, const CutSequences& sequences) {
  const int64_t rows = sequences.batch * sequences.context;
  std::vector<int32_t> from_positions, from_ranks(static_cast<size_t>(rows));
  for (int rank = 0; rank < cut.ranks; ++rank) {
    const RowMap map = cut.rows({0, sequences.batch}, sequences.context, rank);
    of_ranks_.push_back(map.rows());
    for (const Range& range : map.ranges()) {
      for (int64_t row = range.begin; row < range.end; ++row) {
        from_ranks[static_cast<size_t>(row)] = static_cast<int32_t>(from_positions.size());
        from_positions.push_back(static_cast<int32_t>(row));
      }
    }
  }
  const auto most = static_cast<size_t>(*std::ranges::max_element(of_ranks_));
  std::vector<int32_t> padded;
  size_t begin = 0;
  for (const int64_t count : of_ranks_) {
    const auto first = from_positions.begin() + static_cast<std::ptrdiff_t>(begin);
    padded.insert(padded.end(), first, first + count);
    begin += static_cast<size_t>(count);
    padded.resize(padded.size() + most - static_cast<size_t>(count), -1);
  }
  from_ranks_ = to_tensor(backend, from_ranks);
  from_positions_ = to_tensor(backend, from_positions);
  from_positions_padded_ = to_tensor(backend, padded);
}

Tensor RowsInOrder::by_position(const Tensor& x) const { return gather_rows(x, from_ranks_, 0); }
Tensor RowsInOrder::by_rank(const Tensor& x) const { return gather_rows(x, from_positions_, 0); }
Tensor RowsInOrder::by_rank_padded(const Tensor& x) const {
  return gather_rows(x, from_positions_padded_, 0);
}

}  // namespace shard
