// expect: that is all of its 13 logits
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "exercises/12_generation/1_sample_sharded.h"

namespace shard {

int32_t sample_sharded(Communicator& group, const Tensor& logits, Range words, double temperature,
                       double u) {
  const auto vocabulary = static_cast<size_t>(group.sum_of(static_cast<double>(words.size())));
  std::vector<float> all = group.all_gather(logits).to_host();
  all.resize(vocabulary);
  return draw(all, temperature, u);
}

}  // namespace shard
