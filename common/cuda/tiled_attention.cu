#include "common/cuda/kernels/tiled_attention.cuh"
#include "common/cuda/tiled_attention.h"
#include "common/cuda/tiled_widths.h"

namespace shard {

bool are_wide(std::initializer_list<Heads> all) {
  return std::ranges::all_of(all, [](const Heads& x) {
    const int64_t size = size_of(x.type());
    return unit_of({address_of(x.memory) + x.first * size, x.width * size, x.steps.row * size,
                    x.steps.head * size, x.steps.sequence * size}) == 16;
  });
}

namespace {
struct Nothing {
  template <int width>
  void operator()() const {}
};
}  // namespace

bool is_tiled(std::initializer_list<Heads> all, const AttentionSettings& settings) {
  const Heads& q = *all.begin();
  const bool maximum_stays = settings.scale > 0;  // that of the scores is also the scaled ones'
  return q.type() == DataType::bf16 && by_head_width(q.width, Nothing{}) && maximum_stays &&
         are_wide(all);
}

void launch_tiled_attention(cudaStream_t stream, const Heads& output, Tensor& log_sum_exp,
                            const kernels::AttentionInputs<BFloat16>& in) {
  by_head(in, [&]<int width, bool with_dropout>() {
    using Sizes = kernels::ForwardTiles<width>;
    launch(kernels::tiled_attention<width, with_dropout>,
           tiled_grid(in, in.sizes.queries, Sizes::rows), kernels::tiled_threads,
           Sizes::shared_bytes, stream, matrices_of<BFloat16>(output), log_sum_exp.data<float>(),
           in);
  });
}

}  // namespace shard
