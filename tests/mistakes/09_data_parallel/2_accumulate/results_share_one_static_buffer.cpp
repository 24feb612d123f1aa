// expect: of the first call has changed in a later call
#include "exercises/09_data_parallel/2_accumulate.h"

namespace shard {

Gradients accumulated_gradients(Communicator& group, const Tensor& a, const Tensor& bias,
                                const std::vector<MicroBatch>& micro_batches) {
  const int64_t in_out = a.elements(), numbers = in_out + bias.elements();
  static Tensor& bucket = *new Tensor;  // allocated once, not in every step
  if (!bucket || bucket.elements() != numbers + 2) bucket = Tensor(group.backend(), {numbers + 2});
  fill(bucket, 0);
  Gradients sums{bucket.slice({0, in_out}).reshape(a.shape()), bucket.slice({in_out, numbers}),
                 bucket.slice({numbers, numbers + 1})};
  Tensor count = bucket.slice({numbers + 1, numbers + 2});
  int64_t samples = 0;
  for (const MicroBatch& micro_batch : micro_batches) {
    add_pass(sums, a, bias, micro_batch);
    samples += micro_batch.x.rows();
  }
  fill(count, static_cast<float>(samples));
  group.all_reduce(PartialSum(bucket));
  scale(bucket, 1.0f / count.to_host()[0]);
  return sums;
}

}  // namespace shard
