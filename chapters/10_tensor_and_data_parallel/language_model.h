// LanguageModel: what training, validation and sampling need of a model, whatever it is made of.
// BasicGpt is one for each kind of block.
#pragma once
#include <functional>
#include <string>

#include "chapters/07_transformer_block/transformer_block.h"
#include "chapters/10_tensor_and_data_parallel/batch.h"

namespace shard {

struct GptSizes {
  int64_t vocabulary = 0, context = 64, width = 128, heads = 4, layers = 4;
};

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  /// The losses of the batch's tokens: [sequences·context']. Keeps nothing.
  virtual Tensor losses(const Batch& batch) const = 0;
  /// This rank's columns of the logits of one sequence, i32 [tokens]: [tokens × ⌈vocabulary/t⌉].
  /// Keeps nothing.
  virtual Tensor logits(const Tensor& tokens) const = 0;
  /// The forward and the backward pass: returns the losses, and adds factor · d(Σ losses)/
  /// d(parameter) to the gradients of all parameters.
  virtual Tensor forward_backward(const Batch& batch, const DropoutMoment& moment,
                                  float factor) = 0;

  /// In the order of the forward pass.
  virtual Parameters parameters() = 0;
  virtual const GptSizes& sizes() const = 0;
  /// How many numbers the parameters have, those on other ranks included.
  virtual int64_t parameter_count() {
    int64_t count = 0;
    for (const Parameter* parameter : parameters()) count += parameter->shard.whole.elements();
    return count;
  }
  /// If set, called in each forward pass with the name and the value of a layer's output.
  std::function<void(const std::string& name, const Tensor& x)> on_activation;
};

}  // namespace shard
