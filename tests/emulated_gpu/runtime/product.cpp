#include "product.h"

#include <dnnl.h>

#include <bit>
#include <vector>

#include "common/base/formulas.h"
#include "fault.h"
#include "memory.h"

namespace emulated_gpu {

using shard::BFloat16;

namespace {

/// 10 bits of mantissa remain.
float rounded_to_tf32(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7F800000u) == 0x7F800000u) return x;
  return std::bit_cast<float>((bits + 0xFFFu + (bits >> 13 & 1u)) & ~0x1FFFu);
}

/// One matrix of the batch as floats without gaps: [rows × columns], column-major.
template <class Address>
std::vector<float> widened(const Matrices<Address>& x, int index, bool tf32) {
  std::vector<float> floats(static_cast<size_t>(x.rows) * static_cast<size_t>(x.columns));
  size_t to = 0;
  for (int column = 0; column < x.columns; ++column) {
    const void* from = x.at(index * x.stride + static_cast<long long>(column) * x.leading);
    for (int row = 0; row < x.rows; ++row) {
      const float value = x.type == CUDA_R_32F ? static_cast<const float*>(from)[row]
                                               : float(static_cast<const BFloat16*>(from)[row]);
      floats[to++] = tf32 ? rounded_to_tf32(value) : value;
    }
  }
  return floats;
}

/// C ← alpha·A·B + beta·C, column-major. oneDNN is row-major: in the same memory it sees Cᵀ, and Cᵀ
/// = Bᵀ·Aᵀ.
void multiply(const Product& p, const float* a, int lda, const float* b, int ldb, float* c,
              int ldc) {
  const dnnl_status_t status = dnnl_sgemm(p.transposed_b ? 'T' : 'N', p.transposed_a ? 'T' : 'N',
                                          p.n, p.m, p.k, p.alpha, b, ldb, a, lda, p.beta, c, ldc);
  if (status != dnnl_success)
    fail(text("dnnl_sgemm refuses the product: status ", static_cast<int>(status)));
}

void multiply_floats(const Product& p, int index) {
  multiply(p, static_cast<const float*>(p.a.at(index * p.a.stride)), p.a.leading,
           static_cast<const float*>(p.b.at(index * p.b.stride)), p.b.leading,
           static_cast<float*>(p.c.at(index * p.c.stride)), p.c.leading);
}

/// Writes floats without gaps to a matrix, rounded where that is bf16.
void narrow(const Result& to, int index, const std::vector<float>& floats) {
  const float* from = floats.data();
  for (int column = 0; column < to.columns; ++column) {
    void* place = to.at(index * to.stride + static_cast<long long>(column) * to.leading);
    for (int row = 0; row < to.rows; ++row) {
      if (to.type == CUDA_R_32F) {
        static_cast<float*>(place)[row] = *from++;
      } else {
        static_cast<BFloat16*>(place)[row] = *from++;
      }
    }
  }
}

/// The vector of an epilogue, as a matrix with one column.
Result vector_of(const Product& p) {
  return {const_cast<void*>(p.vector), p.c.type, p.m, 1, p.m, 0};
}

/// The vector ← Σ over the columns of x [m × …], without gaps.
void write_sums(const Product& p, const std::vector<float>& x) {
  std::vector<float> sums(static_cast<size_t>(p.m));
  for (size_t i = 0; i < x.size(); ++i) sums[i % sums.size()] += x[i];
  narrow(vector_of(p), 0, sums);
}

/// op(A) without gaps: [m × k].
std::vector<float> left_factor(const Product& p, const std::vector<float>& a) {
  if (!p.transposed_a) return a;
  std::vector<float> transposed(a.size());
  for (size_t i = 0, rows = static_cast<size_t>(p.a.rows); i < a.size(); ++i)
    transposed[i % rows * static_cast<size_t>(p.m) + i / rows] = a[i];
  return transposed;
}

/// On C in floats without gaps, before it is rounded.
void finish(std::vector<float>& c, const Product& p, const std::vector<float>& a) {
  if (p.epilogue == Epilogue::bias || p.epilogue == Epilogue::gelu) {
    const std::vector<float> terms = widened(vector_of(p), 0, false);
    for (size_t i = 0; i < c.size(); ++i) c[i] += terms[i % terms.size()];
  }
  if (p.epilogue == Epilogue::gelu) {
    narrow(p.aux, 0, c);
    for (float& x : c) x = shard::gelu(x);
  }
  if (p.epilogue == Epilogue::gelu_backward) {
    const std::vector<float> before = widened(p.aux, 0, false);
    for (size_t i = 0; i < c.size(); ++i) c[i] *= shard::gelu_derivative(before[i]);
    write_sums(p, c);
  }
  if (p.epilogue == Epilogue::sums_of_a) write_sums(p, left_factor(p, a));
}

void multiply_widened(const Product& p, int index) {
  const std::vector<float> a = widened(p.a, index, p.tf32), b = widened(p.b, index, p.tf32);
  std::vector<float> c;
  if (p.beta != 0.0f) c = widened(p.c, index, false);
  c.resize(static_cast<size_t>(p.m) * static_cast<size_t>(p.n));
  multiply(p, a.data(), p.a.rows, b.data(), p.b.rows, c.data(), p.m);
  finish(c, p, a);
  narrow(p.c, index, c);
}

/// What cuBLAS does where nothing is multiplied: C ← beta·C.
void scale(const Product& p, int index) {
  for (int column = 0; column < p.n; ++column) {
    void* to = p.c.at(index * p.c.stride + static_cast<long long>(column) * p.c.leading);
    for (int row = 0; row < p.m; ++row) {
      if (p.c.type == CUDA_R_32F) {
        float& c = static_cast<float*>(to)[row];
        c = p.beta == 0.0f ? 0.0f : p.beta * c;
      } else {
        BFloat16& c = static_cast<BFloat16*>(to)[row];
        c = p.beta == 0.0f ? 0.0f : p.beta * float(c);
      }
    }
  }
}

}  // namespace

void run(const Product& p) {
  const bool multiplies = p.k > 0 && p.alpha != 0.0f;
  const auto check = [&](const char* name, const auto& matrices) {
    const size_t bytes = matrices.bytes(p.batch);
    if (bytes > 0 && !device_memory().holds(matrices.address, bytes)) {
      fail(text("the ", bytes, " bytes of ", name,
                " are not within an allocation of device memory"));
    }
    // oneDNN's threads cannot bear the signal with which it comes otherwise
    device_memory().admit(matrices.address);
  };
  if (multiplies) check("A", p.a);
  if (multiplies) check("B", p.b);
  check("C", p.c);
  if (p.vector != nullptr) check("the epilogue's vector", vector_of(p));
  if (p.aux.address != nullptr) check("the epilogue's matrix", p.aux);
  const bool floats =
      p.a.type == CUDA_R_32F && p.c.type == CUDA_R_32F && !p.tf32 && p.epilogue == Epilogue::none;
  for (int index = 0; index < p.batch; ++index) {
    if (!multiplies) {
      scale(p, index);
    } else if (floats) {
      multiply_floats(p, index);
    } else {
      multiply_widened(p, index);
    }
  }
}

bool has_valid_sizes(const Product& p) {
  if (p.m < 0 || p.n < 0 || p.k < 0 || p.batch < 0) return false;
  return p.a.leading >= std::max(1, p.a.rows) && p.b.leading >= std::max(1, p.b.rows) &&
         p.c.leading >= std::max(1, p.m);
}

bool has_valid_types(const Product& p) {
  const auto known = [](cudaDataType_t type) { return type == CUDA_R_32F || type == CUDA_R_16BF; };
  if (!known(p.a.type) || p.a.type != p.b.type) return false;
  return p.c.type == p.a.type || (p.a.type == CUDA_R_16BF && p.c.type == CUDA_R_32F);
}

}  // namespace emulated_gpu
