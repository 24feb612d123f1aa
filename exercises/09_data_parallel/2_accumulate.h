#pragma once
#include <vector>

#include "common/comm/communicator.h"
#include "common/tensor/ops.h"

namespace shard {

/// A part of this rank's part of the batch.
struct MicroBatch {
  Tensor x, wanted;  // [samples × in], [samples × out]
};

/// Gradients and value of the loss ½·‖x·A + b - wanted‖² of a sample, summed or averaged over
/// samples.
struct Gradients {
  Tensor a, bias, loss;  // [in × out], [out], [1]
};

/// Forward and backward pass of one micro-batch: adds the sums over its samples to `sums`.
inline void add_pass(Gradients& sums, const Tensor& a, const Tensor& bias,
                     const MicroBatch& micro_batch) {
  Tensor dy = matmul(micro_batch.x, a);  // [samples × out]
  add_bias(dy, bias);
  accumulate(dy, micro_batch.wanted, -1.0f);  // y - wanted
  add_matmul(sums.a, transposed(micro_batch.x), dy);
  add_column_sums(sums.bias, dy);
  Tensor squares = Tensor::zeros(dy.backend(), {1});
  add_sum_of_squares(squares, dy);
  accumulate(sums.loss, squares, 0.5f);
}

/// Gradients and loss as means over all samples of all micro-batches of all ranks, the same on
/// every rank. All ranks have the same number of micro-batches, each of any number of samples.
Gradients accumulated_gradients(Communicator& group, const Tensor& a, const Tensor& bias,
                                const std::vector<MicroBatch>& micro_batches);

}  // namespace shard
