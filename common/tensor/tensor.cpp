#include "common/tensor/tensor.h"

#include <algorithm>

#include "common/base/bfloat16.h"
#include "common/tensor/backend.h"

namespace shard {

std::string to_string(DataType type) {
  switch (type) {
    case DataType::f32: return "f32";
    case DataType::i32: return "i32";
    case DataType::bf16: return "bf16";
  }
  return "?";
}

int64_t size_of(DataType type) { return type == DataType::bf16 ? 2 : 4; }

/// One block of device memory. Its owner is the last Tensor that refers to it.
struct Tensor::Storage {
  Backend& backend;
  size_t bytes;
  void* block;
  Storage(Backend& owner, size_t size) : backend(owner), bytes(size), block(owner.allocate(size)) {}
  ~Storage() { backend.release(block, bytes); }
  Storage(const Storage&) = delete;
};

Tensor::Tensor(Backend& backend, Shape shape, DataType type) : shape_(shape), type_(type) {
  int64_t bytes = 0;
  if (!backend.computes_in(type)) {
    throw Error(
        text(type, " was requested on a device that does not support it: ", backend.description()));
  }
  require(!__builtin_mul_overflow(shape.elements(), size_of(type), &bytes),
          "the bytes of a tensor of shape ", shape, " overflow 64 bits");
  try {
    storage_ = std::make_shared<Storage>(backend, static_cast<size_t>(bytes));
  } catch (const OutOfMemory& error) {
    throw Error(text(error.what(), ", for a tensor ", shape, " of ", type));
  }
}

Tensor Tensor::zeros(Backend& backend, Shape shape) { return full(backend, shape, 0.0f); }

Tensor Tensor::full(Backend& backend, Shape shape, float value) {
  Tensor tensor(backend, shape);
  backend.fill(tensor, value);
  return tensor;
}

Tensor Tensor::from(Backend& backend, Shape shape, std::span<const float> values) {
  Tensor tensor(backend, shape);
  tensor.assign(values);
  return tensor;
}

Tensor Tensor::from(Backend& backend, Shape shape, std::span<const int32_t> values) {
  Tensor tensor(backend, shape, DataType::i32);
  tensor.assign(values);
  return tensor;
}

Backend& Tensor::backend() const {
  require(storage_ != nullptr, "an empty tensor was used");
  return storage_->backend;
}

void* Tensor::address() const {
  require(storage_ != nullptr, "an empty tensor was used");
  return static_cast<std::byte*>(storage_->block) + offset_;
}

int64_t Tensor::memory_bytes() const {
  return storage_ ? static_cast<int64_t>(storage_->bytes) : 0;
}

Tensor Tensor::reshape(Shape shape) const {
  require(shape.elements() == elements(), "a tensor of shape ", shape_, " cannot be reshaped to ",
          shape);
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::slice(Range range) const {
  const bool vector = shape_.rank() == 1;
  const int64_t row = vector ? 1 : columns();
  const int64_t rows_here = vector ? elements() : rows();
  require(shape_.rank() >= 1 && shape_.rank() <= 2 && 0 <= range.begin &&
              range.begin <= range.end && range.end <= rows_here,
          "rows ", range.begin, " to ", range.end, " of a tensor of shape ", shape_);
  Tensor view = *this;
  view.offset_ += range.begin * row * size_of(type_);
  view.shape_ = vector ? Shape{range.size()} : Shape{range.size(), row};
  return view;
}

Tensor Tensor::clone() const {
  Tensor copy(backend(), shape_, type_);
  backend().copy(copy, *this);
  return copy;
}

template <class T>
static std::vector<T> copy_to_host(const Tensor& tensor, DataType wanted) {
  require(tensor.type() == wanted, "a tensor of ", tensor.type(), " was read as ", wanted);
  std::vector<T> host(static_cast<size_t>(tensor.elements()));
  tensor.backend().copy_to_host(host.data(), tensor.address(), static_cast<size_t>(tensor.bytes()));
  return host;
}

std::vector<float> Tensor::to_host() const {
  if (type_ != DataType::bf16) return copy_to_host<float>(*this, DataType::f32);
  const std::vector<BFloat16> rounded = copy_to_host<BFloat16>(*this, DataType::bf16);
  return {rounded.begin(), rounded.end()};
}

std::vector<int32_t> Tensor::to_host_int() const {
  return copy_to_host<int32_t>(*this, DataType::i32);
}

template <class T>
static void copy_from_host(Tensor& tensor, std::span<const T> values, DataType given) {
  require(tensor.type() == given, "a tensor of ", tensor.type(), " was given ", given);
  require(std::ssize(values) == tensor.elements(), "a tensor of shape ", tensor.shape(),
          " was given ", values.size(), " values");
  tensor.backend().copy_from_host(tensor.address(), values.data(),
                                  static_cast<size_t>(tensor.bytes()));
}

void Tensor::assign(std::span<const float> values) {
  if (type_ != DataType::bf16) return copy_from_host(*this, values, DataType::f32);
  const std::vector<BFloat16> rounded(values.begin(), values.end());
  copy_from_host(*this, std::span<const BFloat16>(rounded), DataType::bf16);
}

void Tensor::assign(std::span<const int32_t> values) {
  copy_from_host(*this, values, DataType::i32);
}

}  // namespace shard
