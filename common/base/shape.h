// The sizes of a tensor, outermost first: [tokens × width], [batch·heads × context × head_width].
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "common/base/error.h"

namespace shard {

/// Up to four sizes.
class Shape {
 public:
  static constexpr int max_rank = 4;

  Shape() = default;
  /// Throws Error for more than four sizes, a negative size, or a product that overflows 64 bits.
  Shape(std::initializer_list<int64_t> sizes);

  int rank() const { return rank_; }                           // number of sizes
  int64_t operator[](int axis) const { return sizes_[axis]; }  // axis is not checked

  /// The product of all sizes (1 for rank 0).
  int64_t elements() const;
  /// The last size (1 for rank 0).
  int64_t columns() const { return rank_ == 0 ? 1 : sizes_[rank_ - 1]; }
  /// The product of all sizes but the last.
  int64_t rows() const;

  bool operator==(const Shape&) const = default;

 private:
  std::array<int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

std::string to_string(const Shape& shape);  // "[768 × 128]"

}  // namespace shard
