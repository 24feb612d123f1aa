// Attention on tensor cores: what CudaBackend starts where it can (kernels/tiled_attention.cuh).
#pragma once
#include "common/cuda/kernels/attention_inputs.cuh"
#include "common/cuda/stream.h"
#include "common/tensor/tensor.h"

namespace shard {

/// Whether the kernels take it: bf16, and heads of 32, 64, 96 or 128 columns.
bool is_tiled(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSettings& settings);

void launch_tiled_attention(cudaStream_t stream, Tensor& output, Tensor& log_sum_exp,
                            const kernels::AttentionInputs<BFloat16>& in);
void launch_tiled_query_gradient(cudaStream_t stream, Tensor& dq,
                                 const kernels::AttentionInputs<BFloat16>& in);
void launch_tiled_key_gradients(cudaStream_t stream, Tensor& dk, Tensor& dv,
                                const kernels::AttentionInputs<BFloat16>& in);

}  // namespace shard
