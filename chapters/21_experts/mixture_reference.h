// The mixture of experts in double precision, plain loops over tokens: what the layer is compared
// with.
#pragma once
#include "chapters/21_experts/expert_mlp.h"
#include "common/check/finite_differences.h"

namespace shard {

struct MixtureReference {
  ExpertSettings settings;
  int64_t hidden = 0;
  reference::Matrix bias = {};  // of the choice: [1 × experts]; none: zeros

  /// x [tokens × width] of all ranks, in rank order, and the values of an unsplit ExpertMlp's
  /// parameters, in their order → [tokens × width].
  reference::Matrix forward(const reference::Matrix& x,
                            std::span<const reference::Matrix> parameters) const;
  /// α·E·Σ f_i·P_i, of the logits' probabilities and choices.
  double balance_loss(const reference::Matrix& x, const reference::Matrix& router) const;

 private:
  std::vector<reference::Choice> choices(const reference::Matrix& logits) const;
};

}  // namespace shard
