// linear.h on the GPU. Where cuBLASLt takes a product, it adds the bias; with ProductEpilogues, in
// bf16, it also computes GeLU, its derivative and the sums of columns. Otherwise kernels do.
#include "common/cuda/column_sums.h"
#include "common/cuda/transform.h"

namespace shard {

/// totals ← totals + sums, of f32 or bf16.
template <class T>
static void add_sums(CudaBackend& gpu, Tensor& totals, const Scratch& sums) {
  float* const to = totals.data<float>();
  start_transform<1>(gpu, totals.elements(), kernels::Accumulate{1.0f}, to,
                     static_cast<const float*>(to), static_cast<const T*>(sums.data<T>()));
}

static bool is_empty(const Tensor& a, const Tensor& b) {
  return a.elements() == 0 || b.elements() == 0;
}

void CudaBackend::linear(Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const bool done =
      !is_empty(y, x) && multiply_by_cublas_lt(y, x, weight, 0.0f, ProductPart::whole(x, weight),
                                               {LtEpilogue::bias, bias.address()});
  if (!done) Backend::linear(y, x, weight, bias);
}

void CudaBackend::linear_gelu_matmul(Tensor& u, Tensor& y, const Tensor& x, const Tensor& weight,
                                     const Tensor& bias, const Tensor& second) {
  if (epilogues_for(x) && !is_empty(u, x)) {
    Tensor activated(*this, u.shape(), u.type());
    if (multiply_by_cublas_lt(activated, x, weight, 0.0f, ProductPart::whole(x, weight),
                              {LtEpilogue::gelu, bias.address(), u.address()}))
      return matmul(y, activated, second, 0.0f, ProductPart::whole(activated, second));
  }
  Backend::linear_gelu_matmul(u, y, x, weight, bias, second);
}

void CudaBackend::gelu_matmul_backward(Tensor& activated, Tensor& du, Tensor& dbias,
                                       const Tensor& dy, const Tensor& weight, const Tensor& u) {
  const Operand factor(weight, true);
  const ProductPart whole = ProductPart::whole(dy, factor);
  if (epilogues_for(dy) && !is_empty(u, dy)) {
    // cuBLASLt rounds the sums to the type of du
    const Scratch sums(*this, dbias.elements() * size_of(DataType::bf16));
    if (multiply_by_cublas_lt(du, dy, factor, 0.0f, whole,
                              {LtEpilogue::gelu_backward, sums.data<void>(), u.address()})) {
      gelu(activated, u);
      return add_sums<BFloat16>(*this, dbias, sums);
    }
  }
  matmul(du, dy, factor, 0.0f, whole);
  if (u.elements() == 0) return;
  by_type(u.type(), rows_are_wide(u, du, activated), [&]<class T, int n>() {
    launch_with_sums<n>(*this, dbias, u.rows(), kernels::gelu_backward_sums<n, T>,
                        activated.data<T>(), du.data<T>(), u.data<T>(), u.rows());
  });
}

void CudaBackend::add_linear_gradients(Tensor& dweight, Tensor& dbias, const Tensor& x,
                                       const Tensor& dy) {
  const Operand factor(x, true);
  if (epilogues_for(dy) && !is_empty(dweight, dy)) {
    const Scratch sums(*this, dbias.bytes());
    if (multiply_by_cublas_lt(dweight, factor, dy, 1.0f, ProductPart::whole(factor, dy),
                              {LtEpilogue::sums_of_a, sums.data<void>()}))
      return add_sums<float>(*this, dbias, sums);
  }
  Backend::add_linear_gradients(dweight, dbias, x, dy);
}

}  // namespace shard
