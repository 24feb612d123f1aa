// The model of exercise 10.3: chapter 10's Gpt, of whose blocks each tp rank computes the gradients
// of the norms' gains and biases from its own tokens only, as with sequence parallelism (exercise
// 07.2). They are partial sums over tp, and say so. It is given; you do not have to change it.
#pragma once
#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"

namespace shard {

class OwnTokensBlock : public TransformerBlock {
 public:
  OwnTokensBlock(Communicator& tp, const std::string& block_name, BlockSizes sizes,
                 const Init& init, float projection)
      : TransformerBlock(tp, block_name, sizes, init, projection), tp_(tp) {
    for (NormLayer* norm : {&norm_1, &norm_2}) {
      for (Parameter* parameter : norm->parameters()) parameter->partial_over = {"tp", "dp"};
    }
  }

  /// As chapter 07's, without dropout.
  Tensor backward(const Tensor& dy, const Kept& kept) {
    Tensor du = backward_of(norm_2, mlp.backward(dy, kept.mlp), kept.norm_2);
    accumulate(du, dy);
    Tensor dx = backward_of(norm_1, attention.backward(du, kept.attention), kept.norm_1);
    accumulate(dx, du);
    return dx;
  }

 private:
  /// dX of all tokens, [tokens × width], and the gradients from this rank's.
  Tensor backward_of(NormLayer& norm, const Tensor& dy, const NormLayer::Kept& kept) {
    Tensor ignored_1 = Tensor::zeros(tp_.backend(), norm.gain.gradient.shape());
    Tensor ignored_2 = Tensor::zeros(tp_.backend(), norm.bias.gradient.shape());
    const auto& [none, mean, inverse_deviation] = kept.normed;
    Tensor dx =
        layer_norm_backward(dy, kept.x, kept.normed, *norm.gain.use(), ignored_1, ignored_2);
    const Range own = part_of(dy.rows(), tp_.size(), tp_.rank());
    layer_norm_backward(dy.slice(own), kept.x.slice(own),
                        {{}, mean.slice(own), inverse_deviation.slice(own)}, *norm.gain.use(),
                        norm.gain.gradient, norm.bias.gradient);
    norm.gain.gradient_is_ready();
    norm.bias.gradient_is_ready();
    return dx;
  }

  Communicator& tp_;
};

extern template class BasicGpt<OwnTokensBlock>;  // compiled with the test
using OwnTokensGpt = BasicGpt<OwnTokensBlock>;

}  // namespace shard
