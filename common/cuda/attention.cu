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
unsigned threads_of(const Heads& q, const Heads& k) {
  constexpr int64_t warp = 32;
  const int64_t most = std::max({q.rows, k.rows, q.width});
  return std::min(plain_threads, static_cast<unsigned>((most + warp - 1) / warp * warp));
}

template <class T>
kernels::AttentionInputs<T> inputs_of(const Heads& q, const Heads& k, const Heads& v,
                                      const AttentionSettings& settings) {
  return {matrices_of<const T>(q),
          matrices_of<const T>(k),
          matrices_of<const T>(v),
          {q.matrices, q.rows, k.rows, q.width},
          settings};
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

int64_t rows_of(const Heads& x) { return x.matrices * x.rows; }

/// sums ← Σ dout ∘ output of each row.
void launch_sums(cudaStream_t stream, int multiprocessors, float* sums, const Heads& dout,
                 const Heads& output) {
  constexpr int64_t warp = 32;
  const int64_t rows = rows_of(dout), width = dout.width;
  by_type(dout.type(), are_wide({dout, output}), [&]<class T, int n>() {
    const auto packs = static_cast<uint64_t>(ceil_div(width, n));
    const int64_t lanes = std::min(warp, static_cast<int64_t>(std::bit_ceil(packs)));
    const int64_t threads = std::min(block_threads, ceil_div(rows * lanes, warp) * warp);
    launch(kernels::attention_sums<n, T>,
           blocks_of(ceil_div(rows, threads / lanes), multiprocessors), dimension(threads), 0,
           stream, sums, matrices_of<const T>(dout), matrices_of<const T>(output), dout.matrices,
           dout.rows, width, lanes);
  });
}

}  // namespace

void CudaBackend::attention(const Heads& output, Tensor& log_sum_exp, const Heads& q,
                            const Heads& k, const Heads& v, const AttentionSettings& settings) {
  if (rows_of(q) == 0) return;
  if (is_tiled({q, k, v, output}, settings))
    return launch_tiled_attention(compute_, output, log_sum_exp,
                                  inputs_of<BFloat16>(q, k, v, settings));
  by_type(q.type(), [&]<class T>() {
    launch(kernels::plain_attention<T>, blocks_of(rows_of(q), multiprocessors_), threads_of(q, k),
           shared_bytes(1, q.width), compute_, matrices_of<T>(output), log_sum_exp.data<float>(),
           inputs_of<T>(q, k, v, settings));
  });
}

void CudaBackend::merge_attention(const Heads& output, Tensor& log_sum_exp, const Heads& part,
                                  const Tensor& part_log_sum_exp) {
  if (rows_of(output) == 0) return;
  by_type(output.type(), [&]<class Into>() {
    by_type(part.type(), [&]<class Part>() {
      launch(kernels::merge_attention<Into, Part>, blocks_of(rows_of(output), multiprocessors_),
             plain_threads, 0, compute_, matrices_of<Into>(output), log_sum_exp.data<float>(),
             matrices_of<const Part>(part), part_log_sum_exp.data<float>(), output.matrices,
             output.rows, output.width);
    });
  });
}

void CudaBackend::attention_backward(const Heads& dq, const Heads& dk, const Heads& dv,
                                     const Heads& dout, const Heads& q, const Heads& k,
                                     const Heads& v, const Heads& output, const Tensor& log_sum_exp,
                                     const AttentionSettings& settings) {
  const int64_t queries = rows_of(q), keys = rows_of(k);
  const Scratch sums(*this, std::max<int64_t>(queries, 1) * size_of(DataType::f32));
  by_type(q.type(), [&]<class T>() {
    auto in = inputs_of<T>(q, k, v, settings);
    in.dout = matrices_of<const T>(dout);
    in.output = matrices_of<const T>(output);
    in.log_sum_exp = log_sum_exp.data<float>();
    in.sums = sums.data<float>();
    if constexpr (std::is_same_v<T, BFloat16>) {
      if (is_tiled({q, k, v, dout, output, dq, dk, dv}, settings)) {
        if (queries > 0) launch_tiled_query_gradient(compute_, dq, in);
        if (keys > 0) launch_tiled_key_gradients(compute_, dk, dv, in);
        return;
      }
    }
    if (queries > 0) launch_sums(compute_, multiprocessors_, in.sums, dout, output);
    if (queries > 0) {
      launch(kernels::plain_query_gradient<T>, blocks_of(queries, multiprocessors_),
             threads_of(q, k), shared_bytes(1, q.width), compute_, matrices_of<T>(dq), in);
    }
    if (keys > 0) {
      launch(kernels::plain_key_gradients<T>, blocks_of(keys, multiprocessors_), threads_of(q, k),
             shared_bytes(2, q.width), compute_, matrices_of<T>(dk), matrices_of<T>(dv), in);
    }
  });
}

}  // namespace shard
