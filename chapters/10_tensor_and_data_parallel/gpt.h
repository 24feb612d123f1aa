// Gpt: GPT-2's model over tensor-parallel ranks: the pieces of chapters 06, 07 and 08 in a row.
//     x = wte[tokens] + wpe[positions];  x = block_l(x) for every l;  logits = norm(x)·wteᵀ;  loss
//     = cross entropy
// Radford et al., "Language models are unsupervised multitask learners", 2019.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "chapters/07_transformer_block/transformer_block.h"
#include "chapters/08_vocab_parallel/vocab_parallel.h"

namespace shard {

struct GptSizes {
  int64_t vocabulary = 0, context = 64, width = 128, heads = 4, layers = 4;
};

class Gpt {
 public:
  /// Over the ranks of `tp`. Parameters have GPT-2's names. Init.weight is the deviation of all
  /// matrices (0.02 in GPT-2) but the blocks' projections, which get 1/√(2·layers) of it.
  Gpt(Communicator& tp, GptSizes sizes, const Init& init);

  /// tokens, targets: i32 [batch·context'] with context' ≤ context, the same on every rank. Returns
  /// the loss of every token [batch·context'], the same on every rank.
  Tensor forward(const Tensor& tokens, const Tensor& targets, int64_t batch,
                 const DropoutMoment& moment = {});
  /// Adds factor · d(Σ losses)/d(parameter) to the gradients of all parameters.
  void backward(float factor);

  /// Only the logits: [batch·context' × ⌈vocabulary/t⌉], this rank's columns.
  Tensor logits(const Tensor& tokens, int64_t batch, const DropoutMoment& moment = {});

  /// The logits after the last of `tokens` [new], the next ones of the one sequence whose earlier
  /// tokens are in `caches`, one for each block: [1 × ⌈vocabulary/t⌉], this rank's columns.
  Tensor next_logits(const Tensor& tokens, std::vector<KeyValueCache>& caches);
  std::vector<KeyValueCache> make_caches()
      const;  // empty, for one sequence of sizes().context tokens

  /// In the order of the forward pass.
  Parameters parameters();
  const GptSizes& sizes() const { return sizes_; }
  /// If set, called in each forward pass with the name and the value of what a layer gives on.
  std::function<void(const std::string& name, const Tensor& x)> on_activation;
  int64_t parameter_count();  // of the whole model

 private:
  Tensor positions(int64_t tokens, int64_t batch);
  Tensor shown(const std::string& name, Tensor x) const {
    if (on_activation) on_activation(name, x);
    return x;
  }

  Communicator& tp_;
  GptSizes sizes_;
  VocabParallelEmbedding token_embedding_;  // its table is the output projection, too
  Parameter position_embedding_;            // [context × width], replicated
  std::vector<std::unique_ptr<TransformerBlock>> blocks_;
  NormLayer final_norm_;
  VocabParallelCrossEntropy cross_entropy_;

  // Kept for the backward pass.
  DropoutMoment moment_;
  int64_t batch_ = 0;
  Tensor positions_;  // i32 [batch·context']: 0, 1, …, context'-1 for each sequence
  Tensor normed_;     // [batch·context' × width]
};

}  // namespace shard
