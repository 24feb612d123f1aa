// The router of a mixture of experts, for one token: written once for host and device.
#pragma once
#include "common/base/formulas.h"

namespace shard {

/// What weights the chosen experts' outputs.
enum class RouterWeights {
  of_all,     // their probabilities: the softmax over all experts, before the choice
  of_chosen,  // the softmax over the chosen ones, after the choice: those probabilities / their sum
};

/// One row of a Routing: `experts` logits, and k choices.
struct RoutedToken {
  int64_t experts, k;
  RouterWeights by;
  float* probabilities;  // [experts]
  int32_t* chosen;       // [k]
  float* weights;        // [k]
};

/// Whether `expert` is one of the first `count`.
SHARD_HOST_DEVICE inline bool is_chosen(const int32_t* chosen, int64_t count, int64_t expert) {
  for (int64_t slot = 0; slot < count; ++slot) {
    if (chosen[slot] == expert) return true;
  }
  return false;
}

/// values ← softmax(logits): `count` of them, those that at(i) names.
template <class At>
SHARD_HOST_DEVICE inline void softmax_of(float* values, const float* logits, int64_t count,
                                         const At& at) {
  float max = logits[at(0)], sum = 0;
  for (int64_t i = 1; i < count; ++i) max = logits[at(i)] > max ? logits[at(i)] : max;
  for (int64_t i = 0; i < count; ++i) sum += values[i] = std::exp(logits[at(i)] - max);
  for (int64_t i = 0; i < count; ++i) values[i] = values[i] / sum;
}

/// Chooses the k experts with the largest probability + bias, the largest first; of equal ones the
/// first. Where numbers are NaN, experts are chosen all the same, each at most once.
SHARD_HOST_DEVICE inline void route_token(const float* logits, const float* bias,
                                          const RoutedToken& token) {
  const int64_t experts = token.experts;
  softmax_of(token.probabilities, logits, experts, [](int64_t i) { return i; });
  const auto score = [&](int64_t expert) {
    return token.probabilities[expert] + (bias != nullptr ? bias[expert] : 0.0f);
  };
  for (int64_t slot = 0; slot < token.k; ++slot) {
    int64_t best = -1;
    for (int64_t expert = 0; expert < experts; ++expert) {
      if (is_chosen(token.chosen, slot, expert)) continue;
      if (best < 0 || score(expert) > score(best)) best = expert;
    }
    token.chosen[slot] = static_cast<int32_t>(best);
  }
  if (token.by == RouterWeights::of_chosen) {
    softmax_of(token.weights, logits, token.k, [&](int64_t i) { return token.chosen[i]; });
  } else {
    for (int64_t i = 0; i < token.k; ++i) token.weights[i] = token.probabilities[token.chosen[i]];
  }
}

/// dlogits for the gradients of the weights [k] and of the probabilities [experts], or nullptr.
/// Back through a softmax p: dlogit = p·(dp - Σ p·dp).
SHARD_HOST_DEVICE inline void route_token_backward(float* dlogits, const RoutedToken& token,
                                                   const float* dweights,
                                                   const float* dprobabilities) {
  const float* p = token.probabilities;
  const bool of_all = token.by == RouterWeights::of_all;
  float sum = 0, sum_of_chosen = 0;
  for (int64_t slot = 0; slot < token.k; ++slot)
    sum_of_chosen += token.weights[slot] * dweights[slot];
  if (of_all) sum = sum_of_chosen;  // the weights are probabilities
  for (int64_t i = 0; dprobabilities != nullptr && i < token.experts; ++i)
    sum += p[i] * dprobabilities[i];
  for (int64_t i = 0; i < token.experts; ++i)
    dlogits[i] = p[i] * ((dprobabilities != nullptr ? dprobabilities[i] : 0.0f) - sum);
  for (int64_t slot = 0; slot < token.k; ++slot) {
    const float change = of_all ? dweights[slot] : dweights[slot] - sum_of_chosen;
    dlogits[token.chosen[slot]] += token.weights[slot] * change;
  }
}

}  // namespace shard
