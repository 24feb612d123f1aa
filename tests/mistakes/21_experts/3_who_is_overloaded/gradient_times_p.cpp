// expect: your dprobabilities is multiplied by the probabilities
#include "exercises/21_experts/3_who_is_overloaded.h"

namespace shard {

Balance balance_of(Communicator& data, const RoutedTokens& tokens, double alpha) {
  const auto experts = static_cast<size_t>(tokens.probabilities.columns());
  const std::vector<float> probabilities = tokens.probabilities.to_host();
  std::vector<float> own(2 * experts, 0.0f);  // choices, then sums of probabilities
  for (const int32_t expert : tokens.chosen.to_host_int()) own[static_cast<size_t>(expert)] += 1;
  for (size_t i = 0; i < probabilities.size(); ++i) own[experts + i % experts] += probabilities[i];
  const std::vector<float> all =
      data.all_reduce(PartialSum(Tensor::from(data.backend(), {std::ssize(own)},
                                              std::span<const float>(own))))
          .to_host();
  double choices = 0;  // k·T
  for (size_t i = 0; i < experts; ++i) choices += static_cast<double>(all[i]);
  const double count = choices / static_cast<double>(tokens.chosen.columns());
  double loss = 0;
  std::vector<float> gradient(probabilities.size());
  const double factor = alpha * static_cast<double>(experts) / (choices * count);
  for (size_t i = 0; i < experts; ++i)
    loss += factor * static_cast<double>(all[i]) * static_cast<double>(all[experts + i]);
  for (size_t i = 0; i < gradient.size(); ++i)
    gradient[i] = static_cast<float>(factor * static_cast<double>(all[i % experts]) *
                                     static_cast<double>(probabilities[i]));
  return {loss, Tensor::from(data.backend(), tokens.probabilities.shape(),
                             std::span<const float>(gradient))};
}

}  // namespace shard
