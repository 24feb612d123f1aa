#include "common/cuda/kernels/tiled_attention_backward.cuh"
#include "common/cuda/tiled_attention.h"
#include "common/cuda/tiled_widths.h"

namespace shard {

void launch_tiled_query_gradient(cudaStream_t stream, const Heads& dq,
                                 const kernels::AttentionInputs<BFloat16>& in) {
  by_head(in, [&]<int width, bool with_dropout>() {
    using Sizes = kernels::QueryGradientTiles<width>;
    launch(kernels::tiled_query_gradient<width, with_dropout>,
           tiled_grid(in, in.sizes.queries, Sizes::rows), kernels::tiled_threads,
           Sizes::shared_bytes, stream, matrices_of<BFloat16>(dq), in);
  });
}

void launch_tiled_key_gradients(cudaStream_t stream, const Heads& dk, const Heads& dv,
                                const kernels::AttentionInputs<BFloat16>& in) {
  by_head(in, [&]<int width, bool with_dropout>() {
    using Sizes = kernels::KeyGradientTiles<width>;
    launch(kernels::tiled_key_gradients<width, with_dropout>,
           tiled_grid(in, in.sizes.keys, Sizes::rows), kernels::tiled_threads, Sizes::shared_bytes,
           stream, matrices_of<BFloat16>(dk), matrices_of<BFloat16>(dv), in);
  });
}

}  // namespace shard
