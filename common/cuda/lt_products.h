// Matrix products by cuBLASLt: with a workspace of their own, with the same algorithm for a shape
// during the whole run, and with more work on the result in the same kernel.
#pragma once
#include <cublasLt.h>

#include <array>
#include <map>
#include <memory>

#include "common/cuda/check.h"

namespace shard {

/// A matrix as cuBLASLt sees it, column-major. One of the project's, row-major [rows × columns], is
/// there one of [columns × rows], and its leading dimension is the length of a stored row.
struct LtMatrix {
  const void* address = nullptr;
  cudaDataType_t type = CUDA_R_32F;
  int64_t rows = 0, columns = 0, leading = 0;  // as stored, before any transposition
};

/// What is done with a product before it is written, in the same kernel.
enum class LtEpilogue {
  none,
  bias,           // adds `vector` to each column of D: the project's rows
  gelu,           // the same, writes the sum to `matrix`, and GeLU of it, before rounding, to D
  gelu_backward,  // D ← D ∘ gelu'(matrix), and vector ← Σ over D's columns
  sums_of_a       // vector ← Σ over the columns of op(A), while they are multiplied
};

struct LtEnd {
  LtEpilogue epilogue = LtEpilogue::none;
  /// Of D's type, one number for each row of D, which is for each column of the project's matrix.
  /// Sums are written to it, not added.
  const void* vector = nullptr;
  const void* matrix = nullptr;  // of D's type, sizes and leading dimension
};

/// D ← op(A)·op(B) + beta·D, with sums in f32.
struct LtProduct {
  LtMatrix a, b, d;
  bool a_transposed = false, b_transposed = false;
  float beta = 0;
  bool tf32 = false;  // factors of f32 are rounded to 10 bits behind the point
  LtEnd end;
};

class LtProducts {
 public:
  /// What NVIDIA recommends for Hopper: products with few tiles are divided along the inner
  /// dimension, and the parts are added up there.
  static constexpr size_t workspace_bytes = 32 << 20;

  /// For products in the order of `stream`, which must outlive this object.
  explicit LtProducts(cudaStream_t stream);
  ~LtProducts();
  LtProducts(const LtProducts&) = delete;

  /// Starts the product. Returns false, without having done anything, where cuBLASLt has no
  /// algorithm for it, or where an address or a leading dimension is not a multiple of 16 bytes.
  bool multiply(const LtProduct& product);

 private:
  /// What an algorithm is chosen by: types, sizes, alignments, transpositions, epilogue.
  using Key = std::array<int64_t, 21>;
  struct Plan;
  static Key key_of(const LtProduct& product);
  Plan& plan_of(const LtProduct& product);

  cudaStream_t stream_;
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::map<Key, Plan> plans_;
};

}  // namespace shard
