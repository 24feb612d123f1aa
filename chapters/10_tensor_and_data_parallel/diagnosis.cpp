#include "chapters/10_tensor_and_data_parallel/diagnosis.h"

#include <algorithm>

namespace shard::chapter_10 {
namespace {

bool is_bad(const Tensor& x) {
  const std::vector<float> values = x.to_host();
  return !std::all_of(values.begin(), values.end(), is_finite);
}

/// Uses all weights, whatever it finds: a use may be collective.
std::string first_bad_weight(const Parameters& parameters) {
  std::string first;
  for (const Parameter* parameter : parameters)
    if (is_bad(*parameter->use()) && first.empty()) first = "the weight " + parameter->name;
  return first;
}

std::string first_bad_activation(Grid& grid, LanguageModel& model, const BatchOf& batch_of,
                                 int64_t sequences) {
  std::string first;
  model.on_activation = [&](const std::string& name, const Tensor& x) {
    if (first.empty() && is_bad(x)) first = "the output of " + name;
  };
  model.losses(batch_of(part_of(sequences, grid.dp().size(), grid.dp().rank())));
  model.on_activation = nullptr;
  return first;
}

std::string first_bad_gradient(const Parameters& parameters,
                               const std::vector<StateTensor>& gradients) {
  for (size_t i = parameters.size(); i-- > 0;) {
    const auto own = std::ranges::find(gradients, parameters[i]->name, &StateTensor::name);
    if (is_bad(own->part)) return "the gradient of " + own->name;
  }
  return "";
}

/// What the first rank with anything to say says; empty if none has.
std::string first_said(Grid& grid, const std::string& mine) {
  const auto said = [](const std::vector<std::string>& all) {
    const auto found =
        std::find_if(all.begin(), all.end(), [](const auto& one) { return !one.empty(); });
    return found == all.end() ? "" : *found;
  };
  const std::string where =
      text(" (tp rank ", grid.tp().rank(), ", dp rank ", grid.dp().rank(), ")");
  return said(grid.dp().gather_text(said(grid.tp().gather_text(mine.empty() ? "" : mine + where))));
}

}  // namespace

std::string first_bad_tensor(Grid& grid, LanguageModel& model,
                             const std::vector<StateTensor>& gradients, const BatchOf& batch_of,
                             int64_t sequences) {
  const Parameters parameters = model.parameters();
  std::string found = first_said(grid, first_bad_weight(parameters));
  if (found.empty())
    found = first_said(grid, first_bad_activation(grid, model, batch_of, sequences));
  if (found.empty()) found = first_said(grid, first_bad_gradient(parameters, gradients));
  return found.empty() ? "but all weights, activations and gradients are finite"
                       : "the first that is not finite is " + found;
}

}  // namespace shard::chapter_10
