// How kernels that add up columns are started.
#pragma once
#include "common/cuda/cuda_backend.h"
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/columns.cuh"

namespace shard {

/// Starts kernel(ColumnTotals for `totals`, arguments…) on the columns of a matrix of so many rows:
/// n columns a thread.
template <int n, class Kernel, class... Arguments>
void launch_with_sums(CudaBackend& gpu, Tensor& totals, int64_t rows, Kernel kernel,
                      const Arguments&... arguments) {
  constexpr int64_t blocks_at_once = 8;  // on a multiprocessor
  const int64_t columns = totals.elements();
  const dim3 block(kernels::strip_threads, kernels::strip_rows);
  const int64_t strips = ceil_div(columns, block.x * n);
  const int64_t parts = std::clamp<int64_t>(gpu.multiprocessors() * blocks_at_once / strips, 1,
                                            ceil_div(rows, block.y));
  const Scratch of_parts(gpu, parts * columns * size_of(DataType::f32));
  const kernels::ColumnTotals to{totals.data<float>(), of_parts.data<float>(), gpu.arrivals(strips),
                                 columns};
  launch(kernel, dim3(dimension(strips), dimension(parts)), block, 0, gpu.compute_stream(), to,
         arguments...);
}

}  // namespace shard
