#include "product.h"

#include <dnnl.h>

#include <bit>
#include <vector>

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

/// C ← C + bias, in floats without gaps.
void add_bias(std::vector<float>& c, const Product& p) {
  const Factor bias{p.bias, p.c.type, p.m, 1, p.m, 0};
  const std::vector<float> terms = widened(bias, 0, false);
  for (size_t i = 0; i < c.size(); ++i) c[i] += terms[i % terms.size()];
}

void multiply_widened(const Product& p, int index) {
  const std::vector<float> a = widened(p.a, index, p.tf32), b = widened(p.b, index, p.tf32);
  std::vector<float> c;
  if (p.beta != 0.0f) c = widened(p.c, index, false);
  c.resize(static_cast<size_t>(p.m) * static_cast<size_t>(p.n));
  multiply(p, a.data(), p.a.rows, b.data(), p.b.rows, c.data(), p.m);
  if (p.bias != nullptr) add_bias(c, p);
  const float* from = c.data();
  for (int column = 0; column < p.n; ++column) {
    void* to = p.c.at(index * p.c.stride + static_cast<long long>(column) * p.c.leading);
    for (int row = 0; row < p.m; ++row) {
      const float value = *from++;
      if (p.c.type == CUDA_R_32F) {
        static_cast<float*>(to)[row] = value;
      } else {
        static_cast<BFloat16*>(to)[row] = value;
      }
    }
  }
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
  if (p.bias != nullptr) check("the bias", Factor{p.bias, p.c.type, p.m, 1, p.m, 0});
  const bool floats = p.a.type == CUDA_R_32F && p.c.type == CUDA_R_32F && !p.tf32 && !p.bias;
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
