// Matrix products of cuBLAS and cuBLASLt on the emulated GPU, by oneDNN's sgemm. bf16 is widened to
// float, multiplied and added up in float, and rounded at the end.
#pragma once
#include <cublas_v2.h>

#include <cstddef>
#include <type_traits>

#include "common/base/bfloat16.h"

namespace emulated_gpu {

inline size_t element_size(cudaDataType_t type) {
  return type == CUDA_R_32F ? sizeof(float) : sizeof(shard::BFloat16);
}

/// A batch of column-major matrices in device memory.
template <class Address>
struct Matrices {
  Address address;
  cudaDataType_t type;
  int rows, columns, leading;  // as stored
  long long stride;            // from one matrix of the batch to the next, in elements

  size_t element() const { return element_size(type); }
  size_t bytes(int batch) const {
    if (rows == 0 || columns == 0 || batch == 0) return 0;
    const auto last = static_cast<size_t>(batch - 1) * static_cast<size_t>(stride) +
                      static_cast<size_t>(columns - 1) * static_cast<size_t>(leading) +
                      static_cast<size_t>(rows);
    return last * element();
  }
  Address at(long long offset) const {
    using Byte =
        std::conditional_t<std::is_const_v<std::remove_pointer_t<Address>>, const char, char>;
    return static_cast<Byte*>(address) + offset * static_cast<long long>(element());
  }
};
using Factor = Matrices<const void*>;
using Result = Matrices<void*>;

/// What cuBLASLt does at the end of a product.
enum class Epilogue { none, bias, gelu, gelu_backward, sums_of_a };

struct Product {
  bool transposed_a, transposed_b;
  int m, n, k;
  float alpha, beta;
  Factor a, b;
  Result c;
  int batch;
  bool tf32;
  Epilogue epilogue = Epilogue::none;
  const void* vector = nullptr;  // of C's type, one number for each row of C: a bias, or sums
  Result aux = {};               // of C's sizes: what GeLU is computed of
};

/// Whether cuBLAS takes a product of these sizes, and of these types.
bool has_valid_sizes(const Product& product);
bool has_valid_types(const Product& product);

/// Computes it now. Ends the process if a matrix is not in device memory.
void run(const Product& product);

}  // namespace emulated_gpu
