#include "common/cuda/kernels/tiled_attention.cuh"
#include "common/cuda/tiled_attention.h"
#include "common/cuda/tiled_widths.h"

namespace shard {

bool is_tiled(const Tensor& q, const Tensor& k, const Tensor& v,
              const AttentionSettings& settings) {
  const int64_t width = q.columns();
  const bool has_width = width == 32 || width == 64 || width == 96 || width == 128;
  // a maximum of scores is that of the scaled ones
  return has_width && q.type() == DataType::bf16 && settings.scale > 0 && rows_are_wide(q, k, v);
}

void launch_tiled_attention(cudaStream_t stream, Tensor& output, Tensor& log_sum_exp,
                            const kernels::AttentionInputs<BFloat16>& in) {
  by_head(in, [&]<int width, bool with_dropout>() {
    using Sizes = kernels::ForwardTiles<width>;
    launch(kernels::tiled_attention<width, with_dropout>,
           tiled_grid(in, in.sizes.queries, Sizes::rows), kernels::tiled_threads,
           Sizes::shared_bytes, stream, output.data<BFloat16>(), log_sum_exp.data<float>(), in);
  });
}

}  // namespace shard
