// Elements, columns and dropout on the GPU.
#include "common/cuda/column_sums.h"
#include "common/cuda/copy_rows.h"
#include "common/cuda/kernels/elementwise.cuh"
#include "common/cuda/transform.h"

namespace shard {

void CudaBackend::copy(Tensor& to, const Tensor& from) {
  const int64_t count = to.elements();
  if (count == 0) return;
  if (to.type() == from.type()) {
    check_cuda(cudaMemcpyAsync(to.address(), from.address(), static_cast<size_t>(to.bytes()),
                               cudaMemcpyDeviceToDevice, compute_),
               "cudaMemcpyAsync");
    return;
  }
  const auto convert = [&]<int n>() {
    if (to.type() == DataType::bf16) {
      start_transform<n>(*this, count, kernels::Same{}, to.data<BFloat16>(), from.data<float>());
    } else {
      start_transform<n>(*this, count, kernels::Same{}, to.data<float>(), from.data<BFloat16>());
    }
  };
  is_wide(to, from) ? convert.template operator()<8>() : convert.template operator()<1>();
}

void CudaBackend::fill(Tensor& x, float value) { transform(*this, kernels::Fill{value}, x); }

void CudaBackend::accumulate(Tensor& y, const Tensor& x, float factor) {
  transform(*this, kernels::Accumulate{factor}, y, y, x);
}

void CudaBackend::add(Tensor& out, const Tensor& a, const Tensor& b) {
  transform(*this, kernels::Add{}, out, a, b);
}

void CudaBackend::add(Tensor& out, const Tensor& a, const Tensor& b, const Tensor& bias) {
  if (out.elements() == 0) return;
  by_type(out.type(), rows_are_wide(out, a, b, bias), [&]<class T, int n>() {
    const Tiles tiles = tiles_of(out.rows(), out.columns() / n, multiprocessors_);
    launch(kernels::add_with_bias<n, T>, tiles.grid, tiles.block, 0, compute_, out.data<T>(),
           a.data<T>(), b.data<T>(), bias.data<T>(), out.rows(), out.columns());
  });
}

void CudaBackend::scale(Tensor& x, float factor) { transform(*this, kernels::Scale{factor}, x, x); }

void CudaBackend::gelu(Tensor& y, const Tensor& x) { transform(*this, kernels::Gelu{}, y, x); }

void CudaBackend::gelu_backward(Tensor& dx, const Tensor& x, const Tensor& dy) {
  transform(*this, kernels::GeluBackward{}, dx, x, dy);
}

void CudaBackend::copy_columns(Tensor& to, int64_t to_column, const Tensor& from,
                               int64_t from_column, int64_t columns) {
  const int64_t size = size_of(to.type());
  copy_rows(*this, to, from, to.rows(), columns * size,
            kernels::MoveColumns{to.columns() * size, to_column * size, from.columns() * size,
                                 from_column * size});
}

void CudaBackend::add_bias(Tensor& y, const Tensor& bias) {
  if (y.elements() == 0) return;
  by_type(y.type(), rows_are_wide(y, bias), [&]<class T, int n>() {
    const Tiles tiles = tiles_of(y.rows(), y.columns() / n, multiprocessors_);
    launch(kernels::add_bias<n, T>, tiles.grid, tiles.block, 0, compute_, y.data<T>(),
           bias.data<T>(), y.rows(), y.columns());
  });
}

void CudaBackend::add_column_sums(Tensor& sums, const Tensor& x) {
  if (x.elements() == 0) return;
  by_type(x.type(), rows_are_wide(x), [&]<class T, int n>() {
    launch_with_sums<n>(*this, sums, x.rows(), kernels::add_column_sums<n, T>, x.data<T>(),
                        x.rows());
  });
}

void CudaBackend::dropout(Tensor& y, const Tensor& x, float probability, RandomStream random,
                          Block block) {
  if (x.elements() == 0) return;
  constexpr int64_t group = 4;  // of one block of random numbers
  const int64_t pack = 16 / size_of(x.type());
  const bool whole =
      (x.columns() | block.whole_columns | block.first_column) % pack == 0 && is_wide(x, y);
  const int64_t units = whole ? x.columns() / pack : ceil_div(x.columns() + group - 1, group);
  const Tiles tiles = tiles_of(x.rows(), units, multiprocessors_);
  by_type(x.type(), whole, [&]<class T, int n>() {
    constexpr bool in_groups = n > 1;
    launch(kernels::dropout<in_groups, T>, tiles.grid, tiles.block, 0, compute_, y.data<T>(),
           x.data<T>(), x.rows(), x.columns(), probability, random, block);
  });
}

}  // namespace shard
