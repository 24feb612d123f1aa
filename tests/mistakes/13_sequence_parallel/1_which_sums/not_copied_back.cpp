// expect: gradient of positions is this rank's term only
#include "common/tensor/ops.h"
#include "exercises/13_sequence_parallel/1_which_sums.h"

namespace shard {

void complete_gradients(Communicator& tp, BlockGradients& gradients) {
  // of own rows; the last of all rows, but in own heads only
  const std::vector<Tensor*> partial{&gradients.positions, &gradients.norm_gain,
                                     &gradients.norm_bias, &gradients.projection_bias,
                                     &gradients.query_norm_gain};
  int64_t elements = 0;
  for (const Tensor* gradient : partial) elements += gradient->elements();
  const Tensor all(tp.backend(), {elements});  // one gradient after the other
  std::vector<Tensor> places;
  int64_t begin = 0;
  for (const Tensor* gradient : partial) {
    const int64_t end = begin + gradient->elements();
    places.push_back(all.slice({begin, end}).reshape(gradient->shape()));
    copy(places.back(), *gradient);
    begin = end;
  }
  tp.all_reduce(PartialSum(all));
}

}  // namespace shard
