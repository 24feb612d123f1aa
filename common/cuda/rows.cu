// Layer norm, attention's softmax, and the moves between tokens and heads on the GPU.
#include "common/cuda/copy_rows.h"
#include "common/cuda/kernels/causal_softmax.cuh"
#include "common/cuda/kernels/columns.cuh"
#include "common/cuda/kernels/layer_norm.cuh"

namespace shard {
namespace {

/// A block for rows of `columns` elements of which a thread keeps `kept`: as many threads as that
/// takes side by side, and as many rows as fill the block.
dim3 row_block(int64_t columns, int64_t kept) {
  constexpr int64_t warp = kernels::warp_size;
  require(columns <= INT32_MAX, "rows of ", columns, " columns are too long for the GPU");
  const int64_t x = std::clamp<int64_t>(ceil_div(ceil_div(columns, kept), warp) * warp, warp,
                                        kernels::most_row_threads);
  return dim3(dimension(x), dimension(std::max<int64_t>(1, block_threads / x)));
}

dim3 row_grid(int64_t rows, dim3 block, int64_t most_blocks) {
  return dim3(dimension(std::min(ceil_div(rows, block.y), most_blocks)));
}

}  // namespace

template <class T>
static kernels::LayerNormOf<T> layer_norm_of(Tensor& y, Tensor& mean, Tensor& inverse_deviation,
                                             const Tensor& gain, const Tensor& bias,
                                             float epsilon) {
  return {y.data<T>(),    mean.data<float>(), inverse_deviation.data<float>(), gain.data<T>(),
          bias.data<T>(), y.rows(),           dimension(y.columns()),          epsilon};
}

void CudaBackend::layer_norm(Tensor& y, Tensor& mean, Tensor& inverse_deviation, const Tensor& x,
                             const Tensor& gain, const Tensor& bias, float epsilon) {
  if (x.rows() == 0) return;
  const dim3 block = row_block(x.columns(), kernels::layer_norm_kept);
  const dim3 grid = row_grid(x.rows(), block, multiprocessors_ * blocks_per_multiprocessor);
  by_type(x.type(), rows_are_wide(x, y, gain, bias), [&]<class T, int n>() {
    launch(kernels::layer_norm<n, T>, grid, block, 0, compute_, x.data<T>(),
           layer_norm_of<T>(y, mean, inverse_deviation, gain, bias, epsilon));
  });
}

void CudaBackend::add_layer_norm(Tensor& u, Tensor& y, Tensor& mean, Tensor& inverse_deviation,
                                 const Tensor& x, const Tensor& z, const Tensor* z_bias,
                                 const Tensor& gain, const Tensor& bias, float epsilon) {
  if (x.rows() == 0) return;
  const dim3 block = row_block(x.columns(), kernels::add_layer_norm_kept);
  const dim3 grid = row_grid(x.rows(), block, multiprocessors_ * blocks_per_multiprocessor);
  const bool wide = rows_are_wide(x, z, u, y, gain, bias, z_bias != nullptr ? *z_bias : bias);
  by_type(x.type(), wide, [&]<class T, int n>() {
    launch(kernels::add_layer_norm<n, T>, grid, block, 0, compute_, u.data<T>(), x.data<T>(),
           z.data<T>(), z_bias != nullptr ? z_bias->data<T>() : nullptr,
           layer_norm_of<T>(y, mean, inverse_deviation, gain, bias, epsilon));
  });
}

void CudaBackend::layer_norm_backward(Tensor& dx, Tensor& dgain, Tensor& dbias, Tensor* dx_sums,
                                      const Tensor& dy, const Tensor* dresidual, const Tensor& x,
                                      const Tensor& mean, const Tensor& inverse_deviation,
                                      const Tensor& gain) {
  // on a multiprocessor, by their registers; more blocks would leave more parts of sums
  constexpr int64_t threads_at_once = 640;
  const int64_t rows = x.rows(), width = x.columns();
  if (x.elements() == 0) return;
  const bool wide = rows_are_wide(x, dx, dy, gain, dresidual != nullptr ? *dresidual : dx);
  const dim3 block = row_block(width, kernels::layer_norm_backward_kept);
  const dim3 grid =
      row_grid(rows, block, multiprocessors_ * (threads_at_once / (block.x * block.y)));
  const int64_t parts = grid.x;
  const unsigned count = dx_sums != nullptr ? 3 : 2;
  const Scratch sums(*this, count * parts * width * size_of(DataType::f32));
  const auto part_sums = [&](unsigned i) {  // of dgain, dbias and dx_sums
    return i < count ? sums.data<float>() + i * parts * width : nullptr;
  };
  by_type(x.type(), wide, [&]<class T, int n>() {
    launch(kernels::layer_norm_backward<n, T>, grid, block, 0, compute_, dx.data<T>(), part_sums(0),
           part_sums(1), part_sums(2), dy.data<T>(),
           dresidual != nullptr ? dresidual->data<T>() : nullptr, x.data<T>(), mean.data<float>(),
           inverse_deviation.data<float>(), gain.data<T>(), rows, width);
  });
  const kernels::ThreeTotals<float> totals{dgain.data<float>(), dbias.data<float>(),
                                           dx_sums != nullptr ? dx_sums->data<float>() : nullptr};
  launch(kernels::add_parts<float>, dim3(dimension(ceil_div(width, kernels::strip_threads)), count),
         dim3(kernels::strip_threads, kernels::strip_rows), 0, compute_, totals, sums.data<float>(),
         parts, width);
}

/// Both are seen as lists of heads' vectors: one for each sequence, head and position.
static kernels::HeadPlaces head_places(const Tensor& heads, const Tensor& tokens,
                                       int64_t first_column) {
  const int64_t context = heads.shape()[1], sequences = tokens.rows() / context,
                size = size_of(heads.type());
  return {context, heads.shape()[0] / sequences, tokens.columns() * size, first_column * size,
          heads.columns() * size};
}

void CudaBackend::split_heads(Tensor& heads, const Tensor& x, int64_t first_column) {
  if (heads.elements() == 0) return;
  const kernels::SplitHeads places{head_places(heads, x, first_column)};
  copy_rows(*this, heads, x, heads.rows(), places.head_width, places);
}

void CudaBackend::merge_heads(Tensor& x, int64_t first_column, const Tensor& heads) {
  if (heads.elements() == 0) return;
  const kernels::MergeHeads places{head_places(heads, x, first_column)};
  copy_rows(*this, x, heads, heads.rows(), places.head_width, places);
}

void CudaBackend::causal_softmax(Tensor& scores, float scale) {
  const int64_t rows = scores.rows(), context = scores.columns();
  if (rows == 0) return;
  const dim3 block = row_block(context, kernels::softmax_kept);
  by_type(scores.type(), rows_are_wide(scores), [&]<class T, int n>() {
    launch(kernels::causal_softmax<n, T>,
           row_grid(rows, block, multiprocessors_ * blocks_per_multiprocessor), block, 0, compute_,
           scores.data<T>(), rows, scores.shape()[1], context, scale);
  });
}

void CudaBackend::causal_softmax_backward(Tensor& dscores, const Tensor& probabilities,
                                          float scale) {
  const int64_t rows = dscores.rows(), context = dscores.columns();
  if (rows == 0) return;
  const dim3 block = row_block(context, kernels::softmax_kept);
  by_type(dscores.type(), rows_are_wide(dscores, probabilities), [&]<class T, int n>() {
    launch(kernels::causal_softmax_backward<n, T>,
           row_grid(rows, block, multiprocessors_ * blocks_per_multiprocessor), block, 0, compute_,
           dscores.data<T>(), probabilities.data<T>(), rows, context, scale);
  });
}

}  // namespace shard
