// Attention on tensor cores: what CudaBackend starts where it can (kernels/tiled_attention.cuh).
#pragma once
#include "common/cuda/kernels/attention_inputs.cuh"
#include "common/cuda/stream.h"

namespace shard {

/// Whether rows of all matrices can be moved 16 bytes at a time.
bool are_wide(std::initializer_list<Heads> all);
/// Whether the kernels take it: bf16, heads of 32, 64, 96 or 128 columns, and rows that are wide.
/// `all`: q, k, v, and what else of their kind is read or written.
bool is_tiled(std::initializer_list<Heads> all, const AttentionSettings& settings);

template <class T>
kernels::Matrices<T> matrices_of(const Heads& x) {
  return {x.data<std::remove_const_t<T>>(), x.steps};
}

void launch_tiled_attention(cudaStream_t stream, const Heads& output, Tensor& log_sum_exp,
                            const kernels::AttentionInputs<BFloat16>& in);
void launch_tiled_query_gradient(cudaStream_t stream, const Heads& dq,
                                 const kernels::AttentionInputs<BFloat16>& in);
void launch_tiled_key_gradients(cudaStream_t stream, const Heads& dk, const Heads& dv,
                                const kernels::AttentionInputs<BFloat16>& in);

}  // namespace shard
