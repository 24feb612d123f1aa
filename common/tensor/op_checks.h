// The checks of operations before they call the backend, and how they create their results. For
// ops.cpp, training_ops.cpp and attention.cpp only. Each check throws Error, a sentence that begins
// with the operation's name.
#pragma once
#include <string>

#include "common/base/counted.h"
#include "common/tensor/backend.h"
#include "common/tensor/tensor.h"

namespace shard::op_checks {

inline void same_shape(const char* op, const Tensor& a, const Tensor& b) {
  require(a.shape() == b.shape(), op, ": shapes ", a.shape(), " and ", b.shape(), " differ");
}

/// The tensor has `elements` elements: one for each row or column of another one.
inline void has(const char* op, const char* what, const Tensor& x, int64_t elements) {
  require(x.elements() == elements, op, ": ", what, " has shape ", x.shape(), ", but needs ",
          counted(elements, "element"));
}

inline void is_f32(const char* op, const Tensor& x) {
  require(x.type() == DataType::f32, op, " needs a tensor of f32, not ", x.type());
}

/// A list of `rows` whole numbers, one for each row.
inline void is_index_list(const char* op, const Tensor& ids, int64_t rows) {
  require(ids.type() == DataType::i32, op, ": ids must be i32, not ", ids.type());
  has(op, "ids", ids, rows);
}

/// Columns first … first + count - 1 are columns of x.
inline void columns_fit(const char* op, const Tensor& x, int64_t first, int64_t count) {
  require(first >= 0 && count >= 0 && first + count <= x.columns(), op, ": columns ", first, " to ",
          first + count, " of shape ", x.shape());
}

/// All tensors are of one type, f32 or bf16.
template <class... Tensors>
void one_type(const char* op, const Tensor& first, const Tensors&... others) {
  if (first.type() != DataType::bf16) is_f32(op, first);
  [[maybe_unused]] const auto same = [&](const Tensor& x) {
    require(x.type() == first.type(), op, ": ", x.type(), " and ", first.type(),
            " cannot be mixed");
  };
  (same(others), ...);
}

/// All tensors are on one device. Returns its backend.
template <class... Tensors>
Backend& backend_of(const char* op, const Tensor& first, const Tensors&... others) {
  Backend& backend = first.backend();
  require(((&others.backend() == &backend) && ...), op, ": the tensors are on different devices");
  return backend;
}

inline Tensor like(const Tensor& x) { return Tensor(x.backend(), x.shape(), x.type()); }

/// An f32 number for each of x's rows.
inline Tensor one_a_row(const Tensor& x) { return Tensor(x.backend(), {x.rows()}); }

}  // namespace shard::op_checks
