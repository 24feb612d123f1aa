#include "common/base/shape.h"

namespace shard {

Shape::Shape(std::initializer_list<int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  require(sizes.size() <= max_rank, "a shape has at most ", max_rank, " sizes, got ", sizes.size());
  int64_t product = 1;
  int axis = 0;
  for (int64_t size : sizes) {
    require(size >= 0, "size ", axis, " of a shape is negative: ", size);
    require(!__builtin_mul_overflow(product, size, &product),
            "a shape's number of elements overflows 64 bits at size ", axis, " = ", size);
    sizes_[axis++] = size;
  }
}

int64_t Shape::elements() const { return rows() * columns(); }

int64_t Shape::rows() const {
  int64_t product = 1;
  for (int axis = 0; axis + 1 < rank_; ++axis) product *= sizes_[axis];
  return product;
}

std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (int axis = 0; axis < shape.rank(); ++axis) {
    out += (axis ? " × " : "") + std::to_string(shape[axis]);
  }
  return out + "]";
}

}  // namespace shard
