// How elementwise kernels are started.
#pragma once
#include "common/cuda/cuda_backend.h"
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/elementwise.cuh"

namespace shard {

/// out[i] ← f(in[i], …) for `count` elements, n at a time.
template <int n, class F, class Out, class... In>
void start_transform(CudaBackend& gpu, int64_t count, F f, Out* out, const In*... in) {
  void (*const kernel)(int64_t, F, Out*, const In*...) = kernels::transform<n, F, Out, In...>;
  launch(kernel, blocks_for(ceil_div(count, n), gpu.multiprocessors()), block_threads, 0,
         gpu.compute_stream(), count, f, out, in...);
}

/// The same for tensors of one type and shape, f32 or bf16.
template <class F, class... Tensors>
void transform(CudaBackend& gpu, F f, Tensor& out, const Tensors&... in) {
  if (out.elements() == 0) return;
  by_type(out.type(), is_wide(out, in...), [&]<class T, int n>() {
    start_transform<n>(gpu, out.elements(), f, out.data<T>(),
                       static_cast<const T*>(in.template data<T>())...);
  });
}

}  // namespace shard
