// Tensor: a row-major array on one device. It is a handle: a copy shares the elements, clone() copies them.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/partition.h"
#include "common/shape.h"

namespace shard {

class Backend;

enum class DataType { f32, i32 };

std::string to_string(DataType type);
int64_t size_of(DataType type);  // bytes

class Tensor {
 public:
  /// No elements, no device: a place to keep a tensor later.
  Tensor() = default;
  /// Elements not yet written (NaN while poisoning is on, see Backend). Throws Error when memory is short.
  Tensor(Backend& backend, Shape shape, DataType type = DataType::f32);

  static Tensor zeros(Backend& backend, Shape shape);
  static Tensor full(Backend& backend, Shape shape, float value);
  static Tensor from(Backend& backend, Shape shape, std::span<const float> values);
  static Tensor from(Backend& backend, Shape shape, std::span<const int32_t> values);

  explicit operator bool() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int64_t rows() const { return shape_.rows(); }
  int64_t columns() const { return shape_.columns(); }
  int64_t elements() const { return shape_.elements(); }
  DataType type() const { return type_; }
  int64_t bytes() const { return elements() * size_of(type_); }
  Backend& backend() const;

  /// A view of the same elements under another shape of as many elements.
  Tensor reshape(Shape shape) const;
  /// A view of rows `range` of a matrix, or of entries `range` of a vector.
  Tensor slice(Range range) const;
  /// New elements with the same values.
  Tensor clone() const;

  /// Copies all elements to the host, waiting for the device first.
  std::vector<float> to_host() const;
  std::vector<int32_t> to_host_int() const;
  /// Copies `values` (as many as the tensor has) from the host.
  void assign(std::span<const float> values);
  void assign(std::span<const int32_t> values);

  /// The device's address of the first element. For backends and communicators only.
  template <class T>
  T* data() const {
    return static_cast<T*>(address());
  }
  void* address() const;

 private:
  struct Storage;
  std::shared_ptr<Storage> storage_;
  int64_t offset_ = 0;  // bytes
  Shape shape_;
  DataType type_ = DataType::f32;
};

/// A sum over ranks that has not been taken yet: each rank holds its own term. A bias or a GeLU on it would be wrong
/// (gelu(a) + gelu(b) ≠ gelu(a + b)), so it is no Tensor: only Communicator's all_reduce and reduce_scatter, which
/// take the sum, turn it into one.
class PartialSum {
 public:
  explicit PartialSum(Tensor term) : term_(std::move(term)) {}
  const Shape& shape() const { return term_.shape(); }

  /// This rank's term as it is. Whoever computes with it breaks the rule above, or takes the sum.
  const Tensor& unreduced() const { return term_; }

 private:
  Tensor term_;
};

}  // namespace shard
