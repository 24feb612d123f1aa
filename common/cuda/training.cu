// Sums over whole tensors and the optimizer's step on the GPU. Nothing waits for the host.
#include <cmath>

#include "common/cuda/kernels/training.cuh"
#include "common/cuda/transform.h"

namespace shard {
namespace {

/// total[0] += Σ term(x[i]): one sum per block, then the sum of those.
template <class Term>
void add_sum_of(CudaBackend& gpu, Tensor& total, const Tensor& x, Term term) {
  if (x.elements() == 0) return;
  const dim3 grid = blocks_for(ceil_div(x.elements(), 4), gpu.multiprocessors());
  const Scratch parts(gpu, grid.x * int64_t{sizeof(double)});
  by_width(is_wide(x), [&]<int n>() {
    launch(kernels::sum_by_blocks<n, Term>, grid, block_threads, 0, gpu.compute_stream(),
           parts.data<double>(), x.data<float>(), x.elements(), term);
  });
  launch(kernels::add_blocks<float>, 1, block_threads, 0, gpu.compute_stream(), total.data<float>(),
         parts.data<double>(), grid.x);
}

}  // namespace

void CudaBackend::add_sum(Tensor& total, const Tensor& x) {
  add_sum_of(*this, total, x, kernels::Identity{});
}

void CudaBackend::add_sum_of_squares(Tensor& total, const Tensor& x) {
  add_sum_of(*this, total, x, kernels::Square{});
}

void CudaBackend::clip_factor(Tensor& factor, const Tensor& sum_of_squares, float limit) {
  start_transform<1>(*this, 1, kernels::ClipFactor{limit}, factor.data<float>(),
                     sum_of_squares.data<float>());
}

void CudaBackend::adamw(Tensor& weight, Tensor& m, Tensor& v, const Tensor& gradient,
                        const Tensor& gradient_factor, const AdamW& hyper) {
  const int64_t count = weight.elements();
  if (count == 0) return;
  const auto step = static_cast<double>(hyper.step);
  const auto c1 = static_cast<float>(1.0 - std::pow(double{hyper.beta1}, step));
  const auto c2 = static_cast<float>(1.0 - std::pow(double{hyper.beta2}, step));
  by_width(is_wide(weight, m, v, gradient), [&]<int n>() {
    launch(kernels::adamw<n>, blocks_for(ceil_div(count, n), multiprocessors_), block_threads, 0,
           compute_, weight.data<float>(), m.data<float>(), v.data<float>(), gradient.data<float>(),
           gradient_factor.data<float>(), count, hyper, c1, c2);
  });
}

}  // namespace shard
