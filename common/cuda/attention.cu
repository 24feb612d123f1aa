// Attention as one operation on the GPU: on tensor cores where the type and the head's width allow
// it, else by the plain kernels.
#include "common/cuda/cuda_backend.h"
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/attention_rows.cuh"
#include "common/cuda/kernels/plain_attention.cuh"
#include "common/cuda/tiled_attention.h"

namespace shard {
namespace {

constexpr unsigned plain_threads = 128;  // at most: keys, or queries, of a chunk

/// Threads of a plain kernel's block: one for each row of a chunk, or for each column; in whole
/// warps.
unsigned threads_of(const Tensor& q, const Tensor& k) {
  constexpr int64_t warp = 32;
  const int64_t most = std::max({q.shape()[1], k.shape()[1], q.columns()});
  return std::min(plain_threads, static_cast<unsigned>((most + warp - 1) / warp * warp));
}

template <class T>
kernels::AttentionInputs<T> inputs_of(const Tensor& q, const Tensor& k, const Tensor& v,
                                      const AttentionSettings& settings) {
  const kernels::AttentionSizes sizes{q.shape()[0], q.shape()[1], k.shape()[1], q.columns()};
  return {q.data<T>(), k.data<T>(), v.data<T>(), sizes, settings};
}

/// A block for each row, as far as so many are worth it; the others follow in steps of the grid.
dim3 blocks_of(int64_t rows, int multiprocessors) {
  return dim3(dimension(std::min<int64_t>(rows, multiprocessors * blocks_per_multiprocessor)));
}

/// Bytes of dynamic shared memory for `count` times a float a thread and a float a column.
size_t shared_bytes(int count, int64_t width) {
  const int64_t bytes = count * (plain_threads + width) * size_of(DataType::f32);
  require(bytes <= static_cast<int64_t>(shared_bytes_by_default), "attention: heads of ", width,
          " columns are too wide for the GPU");
  return static_cast<size_t>(bytes);
}

/// sums ← Σ dout ∘ output of each row.
void launch_sums(cudaStream_t stream, int multiprocessors, float* sums, const Tensor& dout,
                 const Tensor& output) {
  constexpr int64_t warp = 32;
  const int64_t rows = dout.rows(), width = dout.columns();
  by_type(dout.type(), rows_are_wide(dout, output), [&]<class T, int n>() {
    const auto packs = static_cast<uint64_t>(ceil_div(width, n));
    const int64_t lanes = std::min(warp, static_cast<int64_t>(std::bit_ceil(packs)));
    const int64_t threads = std::min(block_threads, ceil_div(rows * lanes, warp) * warp);
    launch(kernels::attention_sums<n, T>,
           blocks_of(ceil_div(rows, threads / lanes), multiprocessors), dimension(threads), 0,
           stream, sums, dout.data<T>(), output.data<T>(), rows, width, lanes);
  });
}

}  // namespace

void CudaBackend::attention(Tensor& output, Tensor& log_sum_exp, const Tensor& q, const Tensor& k,
                            const Tensor& v, const AttentionSettings& settings) {
  if (q.rows() == 0) return;
  if (is_tiled(q, k, v, settings))
    return launch_tiled_attention(compute_, output, log_sum_exp,
                                  inputs_of<BFloat16>(q, k, v, settings));
  by_type(q.type(), [&]<class T>() {
    launch(kernels::plain_attention<T>, blocks_of(q.rows(), multiprocessors_), threads_of(q, k),
           shared_bytes(1, q.columns()), compute_, output.data<T>(), log_sum_exp.data<float>(),
           inputs_of<T>(q, k, v, settings));
  });
}

void CudaBackend::merge_attention(Tensor& output, Tensor& log_sum_exp, const Tensor& part,
                                  const Tensor& part_log_sum_exp) {
  if (output.rows() == 0) return;
  by_type(output.type(), [&]<class Into>() {
    by_type(part.type(), [&]<class Part>() {
      launch(kernels::merge_attention<Into, Part>, blocks_of(output.rows(), multiprocessors_),
             plain_threads, 0, compute_, output.data<Into>(), log_sum_exp.data<float>(),
             part.data<Part>(), part_log_sum_exp.data<float>(), output.rows(), output.columns());
    });
  });
}

void CudaBackend::attention_backward(Tensor& dq, Tensor& dk, Tensor& dv, const Tensor& dout,
                                     const Tensor& q, const Tensor& k, const Tensor& v,
                                     const Tensor& output, const Tensor& log_sum_exp,
                                     const AttentionSettings& settings) {
  const Scratch sums(*this, std::max<int64_t>(q.rows(), 1) * size_of(DataType::f32));
  if (q.rows() > 0) launch_sums(compute_, multiprocessors_, sums.data<float>(), dout, output);
  by_type(q.type(), [&]<class T>() {
    auto in = inputs_of<T>(q, k, v, settings);
    in.dout = dout.data<T>();
    in.log_sum_exp = log_sum_exp.data<float>();
    in.sums = sums.data<float>();
    if constexpr (std::is_same_v<T, BFloat16>) {
      if (is_tiled(q, k, v, settings) && rows_are_wide(dout)) {
        if (q.rows() > 0) launch_tiled_query_gradient(compute_, dq, in);
        if (k.rows() > 0) launch_tiled_key_gradients(compute_, dk, dv, in);
        return;
      }
    }
    if (q.rows() > 0) {
      launch(kernels::plain_query_gradient<T>, blocks_of(q.rows(), multiprocessors_),
             threads_of(q, k), shared_bytes(1, q.columns()), compute_, dq.data<T>(), in);
    }
    if (k.rows() > 0) {
      launch(kernels::plain_key_gradients<T>, blocks_of(k.rows(), multiprocessors_),
             threads_of(q, k), shared_bytes(2, q.columns()), compute_, dk.data<T>(), dv.data<T>(),
             in);
    }
  });
}

}  // namespace shard
