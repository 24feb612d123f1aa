// Attention as one operation on the GPU: one block per query, or per key.
#include "common/cuda/cuda_backend.h"
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/attention.cuh"

namespace shard {
namespace {

constexpr unsigned attention_threads = 128;  // at most: keys, or queries, of a chunk

/// Threads of a block: one for each row of a chunk, or for each column; in whole warps.
unsigned threads_of(const Tensor& q, const Tensor& k) {
  constexpr int64_t warp = 32;
  const int64_t most = std::max({q.shape()[1], k.shape()[1], q.columns()});
  return std::min(attention_threads, static_cast<unsigned>((most + warp - 1) / warp * warp));
}

template <class T>
kernels::AttentionInputs<T> inputs_of(const Tensor& q, const Tensor& k, const Tensor& v,
                                      const AttentionSettings& settings) {
  const kernels::AttentionSizes sizes{q.shape()[0], q.shape()[1], k.shape()[1], q.columns()};
  return {q.data<T>(), k.data<T>(), v.data<T>(), sizes, settings};
}

/// A block for each row, as far as so many are worth it; the others follow in steps of the grid.
dim3 blocks_of(const Tensor& x, int multiprocessors) {
  return dim3(dimension(std::min<int64_t>(x.rows(), multiprocessors * blocks_per_multiprocessor)));
}

/// Bytes of dynamic shared memory for `count` times a float a thread and a float a column.
size_t shared_bytes(int count, int64_t width) {
  constexpr int64_t most = 48 * 1024;  // that every GPU grants by default
  const int64_t bytes = count * (attention_threads + width) * size_of(DataType::f32);
  require(bytes <= most, "attention: heads of ", width, " columns are too wide for the GPU");
  return static_cast<size_t>(bytes);
}

}  // namespace

void CudaBackend::attention(Tensor& output, Tensor& log_sum_exp, const Tensor& q, const Tensor& k,
                            const Tensor& v, const AttentionSettings& settings) {
  if (q.rows() == 0) return;
  by_type(q.type(), [&]<class T>() {
    launch(kernels::attention<T>, blocks_of(q, multiprocessors_), threads_of(q, k),
           shared_bytes(1, q.columns()), compute_, output.data<T>(), log_sum_exp.data<float>(),
           inputs_of<T>(q, k, v, settings));
  });
}

void CudaBackend::merge_attention(Tensor& output, Tensor& log_sum_exp, const Tensor& part,
                                  const Tensor& part_log_sum_exp) {
  if (output.rows() == 0) return;
  by_type(output.type(), [&]<class Into>() {
    by_type(part.type(), [&]<class Part>() {
      launch(kernels::merge_attention<Into, Part>, blocks_of(output, multiprocessors_),
             attention_threads, 0, compute_, output.data<Into>(), log_sum_exp.data<float>(),
             part.data<Part>(), part_log_sum_exp.data<float>(), output.rows(), output.columns());
    });
  });
}

void CudaBackend::attention_backward(Tensor& dq, Tensor& dk, Tensor& dv, const Tensor& dout,
                                     const Tensor& q, const Tensor& k, const Tensor& v,
                                     const Tensor& output, const Tensor& log_sum_exp,
                                     const AttentionSettings& settings) {
  const int64_t width = q.columns();
  const unsigned threads = threads_of(q, k);
  const Scratch sums(*this, std::max<int64_t>(q.rows(), 1) * size_of(DataType::f32));
  by_type(q.type(), [&]<class T>() {
    auto in = inputs_of<T>(q, k, v, settings);
    in.dout = dout.data<T>();
    in.log_sum_exp = log_sum_exp.data<float>();
    in.sums = sums.data<float>();
    if (q.rows() > 0) {
      const dim3 blocks = blocks_of(q, multiprocessors_);
      launch(kernels::attention_sums<T>, blocks, threads, 0, compute_, sums.data<float>(), in.dout,
             output.data<T>(), q.rows(), width);
      launch(kernels::attention_query_gradient<T>, blocks, threads, shared_bytes(1, width),
             compute_, dq.data<T>(), in);
    }
    if (k.rows() > 0) {
      launch(kernels::attention_key_gradients<T>, blocks_of(k, multiprocessors_), threads,
             shared_bytes(2, width), compute_, dk.data<T>(), dv.data<T>(), in);
    }
  });
}

}  // namespace shard
