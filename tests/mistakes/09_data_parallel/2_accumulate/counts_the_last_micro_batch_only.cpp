// expect: every pass overwrote the number of the previous one
#include "exercises/09_data_parallel/2_accumulate.h"

namespace shard {

Gradients accumulated_gradients(Communicator& group, const Tensor& a, const Tensor& bias,
                                const std::vector<MicroBatch>& micro_batches) {
  const int64_t weights = a.elements(), out = bias.elements();
  Tensor buffer = Tensor::zeros(group.backend(), {weights + out + 2});
  Gradients sums;
  sums.a = buffer.slice({0, weights}).reshape(a.shape());
  sums.bias = buffer.slice({weights, weights + out});
  sums.loss = buffer.slice({weights + out, weights + out + 1});
  Tensor samples = buffer.slice({weights + out + 1, weights + out + 2});
  for (const MicroBatch& micro_batch : micro_batches) {
    add_pass(sums, a, bias, micro_batch);
    fill(samples, static_cast<float>(micro_batch.x.rows()));
  }
  group.all_reduce(PartialSum(buffer));
  const float total = samples.to_host()[0];
  scale(buffer, 1 / total);
  return sums;
}

}  // namespace shard
