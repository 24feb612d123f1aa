// Helpers that several tests share.
#pragma once
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/check/reference.h"
#include "common/tensor/ops.h"
#include "tests/test_world.h"

namespace shard {

using reference::Matrix;

/// Standard normal numbers: the same on every rank, different for every name.
inline Matrix random_matrix(int64_t rows, int64_t columns, std::string_view name,
                            double deviation = 1.0) {
  return reference::random_matrix(rows, columns, {2024, stream_of(name)}, deviation);
}

inline Tensor tensor(const Matrix& matrix) { return reference::to_tensor(backend(), matrix); }

inline Tensor tensor(Shape shape, const std::vector<float>& values) {
  return Tensor::from(backend(), shape, std::span<const float>(values));
}

inline Tensor tensor(Shape shape, const Matrix& matrix) { return tensor(shape, matrix.floats()); }

inline Tensor indices(const std::vector<int32_t>& values) {
  return Tensor::from(backend(), {std::ssize(values)}, std::span<const int32_t>(values));
}

/// Element i of the data of rank `rank`: small whole numbers, whose sums are exact.
inline float element(int64_t rank, int64_t i) {
  return static_cast<float>((rank * 31 + i * 7) % 97 - 48);
}

/// The message of the Exception that `run` throws.
template <class Exception = Error, class Run>
std::string message_of(Run run) {
  try {
    run();
  } catch (const Exception& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

inline bool contains(const std::string& sentence, const std::string& phrase) {
  return sentence.find(phrase) != std::string::npos;
}

}  // namespace shard
