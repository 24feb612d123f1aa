#pragma once
#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// Of this rank's tokens (each rank has others, and any number of them): probabilities [tokens ×
/// experts] after the softmax, and chosen i32 [tokens × k].
struct RoutedTokens {
  Tensor probabilities, chosen;
};

struct Balance {
  double loss;            // of the tokens of all ranks, the same on every rank
  Tensor dprobabilities;  // [tokens × experts]: its gradient for this rank's probabilities
};

/// α·E·Σ_i f_i·P_i: f_i is the number of choices of expert i, divided by the number of all choices,
/// and P_i the mean of the probabilities of expert i: both over the tokens of all ranks. f_i is a
/// constant for the gradient.
Balance balance_of(Communicator& data, const RoutedTokens& tokens, double alpha);

}  // namespace shard
