// The operations of a mixture of experts on the GPU.
#include "common/cuda/cuda_backend.h"
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/routing.cuh"
#include "common/tensor/routing.h"

namespace shard {

/// Token 0's row.
static RoutedToken first_of(const Routing& routing) {
  return {routing.probabilities.columns(),
          routing.chosen.columns(),
          routing.by,
          routing.probabilities.data<float>(),
          routing.chosen.data<int32_t>(),
          routing.weights.data<float>()};
}

void CudaBackend::route(Routing& routing, const Tensor& logits, const Tensor& bias) {
  if (logits.rows() == 0) return;
  launch(kernels::route, blocks_for(logits.rows(), multiprocessors_), block_threads, 0, compute_,
         first_of(routing), logits.data<float>(), bias ? bias.data<float>() : nullptr,
         logits.rows());
}

void CudaBackend::route_backward(Tensor& dlogits, const Routing& routing, const Tensor& dweights,
                                 const Tensor& dprobabilities) {
  if (dlogits.rows() == 0) return;
  launch(kernels::route_backward, blocks_for(dlogits.rows(), multiprocessors_), block_threads, 0,
         compute_, dlogits.data<float>(), first_of(routing), dweights.data<float>(),
         dprobabilities ? dprobabilities.data<float>() : nullptr, dlogits.rows());
}

void CudaBackend::occurrences(Tensor& counts, const Tensor& ids) {
  if (counts.elements() == 0) return;
  const int64_t most = multiprocessors_ * blocks_per_multiprocessor;
  launch(kernels::occurrences, dimension(std::min(counts.elements(), most)), block_threads, 0,
         compute_, counts.data<int32_t>(), counts.elements(), ids.data<int32_t>(), ids.elements());
}

void CudaBackend::sum_of_rows(Tensor& y, const Tensor& rows, const Tensor& places,
                              const Tensor& weights) {
  if (y.elements() == 0) return;
  by_type(y.type(), rows_are_wide(y, rows), [&]<class T, int n>() {
    const Tiles tiles = tiles_of(y.rows(), ceil_div(y.columns(), n), multiprocessors_);
    launch(kernels::sum_of_rows<n, T>, tiles.grid, tiles.block, 0, compute_, y.data<T>(),
           rows.data<T>(), places.data<int32_t>(), weights ? weights.data<float>() : nullptr,
           y.rows(), places.columns(), y.columns());
  });
}

void CudaBackend::sum_of_rows_backward(SumOfRowsBackward& result, const Tensor& dy,
                                       const Tensor& rows, const Tensor& places,
                                       const Tensor& weights) {
  if (places.elements() == 0) return;
  const int64_t most = multiprocessors_ * blocks_per_multiprocessor;
  by_type(dy.type(), [&]<class T>() {
    launch(kernels::sum_of_rows_backward<T>, dimension(std::min(places.elements(), most)),
           block_threads, 0, compute_, result.drows.data<T>(), result.dweights.data<float>(),
           dy.data<T>(), rows.data<T>(), places.data<int32_t>(), weights.data<float>(),
           places.elements(), places.columns(), dy.columns());
  });
}

}  // namespace shard
