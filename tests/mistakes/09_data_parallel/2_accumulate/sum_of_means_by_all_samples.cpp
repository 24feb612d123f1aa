// expect: your dA is the sum of the micro-batches' means, divided by the number of all samples
#include "exercises/09_data_parallel/2_accumulate.h"

namespace shard {

Gradients accumulated_gradients(Communicator& group, const Tensor& a, const Tensor& bias,
                                const std::vector<MicroBatch>& micro_batches) {
  const int64_t in_out = a.elements(), out = bias.elements(), numbers = in_out + out;
  Tensor bucket = Tensor::zeros(group.backend(), {numbers + 2});
  Gradients sums{bucket.slice({0, in_out}).reshape(a.shape()), bucket.slice({in_out, numbers}),
                 bucket.slice({numbers, numbers + 1})};
  Tensor count = bucket.slice({numbers + 1, numbers + 2});
  int64_t samples = 0;
  for (const MicroBatch& micro_batch : micro_batches) {
    Gradients pass{Tensor::zeros(group.backend(), a.shape()),
                   Tensor::zeros(group.backend(), bias.shape()),
                   Tensor::zeros(group.backend(), {1})};
    add_pass(pass, a, bias, micro_batch);
    const auto n = static_cast<float>(micro_batch.x.rows());
    accumulate(sums.a, pass.a, 1 / n);
    accumulate(sums.bias, pass.bias, 1 / n);
    accumulate(sums.loss, pass.loss, 1 / n);
    samples += micro_batch.x.rows();
  }
  fill(count, static_cast<float>(samples));
  group.all_reduce(PartialSum(bucket));
  scale(bucket, 1.0f / count.to_host()[0]);
  return sums;
}

}  // namespace shard
