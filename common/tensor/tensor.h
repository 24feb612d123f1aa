// Tensor: a row-major array on one device. It is a handle: a copy shares the elements, clone()
// copies them.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/partition.h"
#include "common/base/shape.h"

namespace shard {

class Backend;

/// Of an element: float, a whole number, or a float of 16 bits (bfloat16.h).
enum class DataType { f32, i32, bf16 };

std::string to_string(DataType type);  // as in "f32"
int64_t size_of(DataType type);        // bytes of an element

/// A handle of elements in a device's memory. Views share the elements, and keep them alive.
class Tensor {
 public:
  /// An empty handle: no elements and no device.
  Tensor() = default;
  /// Elements not yet written (NaN while poisoning is on, see Backend). Throws Error when memory is
  /// short, and for a type that the device does not compute with: bf16 on the CPU.
  Tensor(Backend& backend, Shape shape, DataType type = DataType::f32);

  static Tensor zeros(Backend& backend, Shape shape);              // f32, all 0
  static Tensor full(Backend& backend, Shape shape, float value);  // f32, all `value`
  /// f32 with these values, row-major. Throws Error when their number differs from the shape's.
  static Tensor from(Backend& backend, Shape shape, std::span<const float> values);
  /// i32, likewise.
  static Tensor from(Backend& backend, Shape shape, std::span<const int32_t> values);

  /// Whether it is on a device; it may still have no elements.
  explicit operator bool() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int64_t rows() const { return shape_.rows(); }        // the product of all sizes but the last
  int64_t columns() const { return shape_.columns(); }  // the last size
  int64_t elements() const { return shape_.elements(); }
  DataType type() const { return type_; }
  int64_t bytes() const { return elements() * size_of(type_); }
  Backend& backend() const;  // its device; throws Error for a tensor without one

  /// A view of the same elements with another shape. Throws Error when the number of elements
  /// differs.
  Tensor reshape(Shape shape) const;
  /// A view of rows `range` of a matrix, or of entries `range` of a vector. Throws Error when they
  /// are out of range.
  Tensor slice(Range range) const;
  /// New elements with the same values.
  Tensor clone() const;

  /// Copies all elements to the host, waiting for the device first; bf16 as floats. Throws Error
  /// for i32.
  std::vector<float> to_host() const;
  /// The same for i32 only.
  std::vector<int32_t> to_host_int() const;
  /// Copies `values` (as many as the tensor has) from the host, rounded where the tensor is bf16.
  /// Throws Error for more or fewer, and for i32.
  void assign(std::span<const float> values);
  /// The same for i32 only.
  void assign(std::span<const int32_t> values);

  /// The device's address of the first element. For backends and communicators only.
  template <class T>
  T* data() const {
    return static_cast<T*>(address());
  }
  /// The same without a type.
  void* address() const;

  /// The block of memory that the elements are in, which this handle keeps alive: equal for views
  /// of the same elements, null for a tensor without one.
  const void* memory() const { return storage_.get(); }
  int64_t memory_bytes() const;  // of that whole block; 0 without one

 private:
  struct Storage;
  std::shared_ptr<Storage> storage_;
  int64_t offset_ = 0;  // bytes
  Shape shape_;
  DataType type_ = DataType::f32;
};

/// A sum over ranks that has not been taken yet: each rank holds its own term. A bias or a GeLU on
/// it would be wrong (gelu(a) + gelu(b) ≠ gelu(a + b)), so it is not a Tensor: only Communicator's
/// all_reduce and reduce_scatter, which take the sum, turn it into one.
class PartialSum {
 public:
  /// Declares a tensor to be only this rank's term.
  explicit PartialSum(Tensor term) : term_(std::move(term)) {}
  const Shape& shape() const { return term_.shape(); }  // of the term, and of the sum

  /// This rank's term. For code that takes the sum; nothing else may compute with it.
  const Tensor& unreduced() const { return term_; }

 private:
  Tensor term_;
};

}  // namespace shard
