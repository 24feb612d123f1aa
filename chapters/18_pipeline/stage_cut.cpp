#include "chapters/18_pipeline/stage_cut.h"

#include <algorithm>
#include <limits>

namespace shard {

EndCosts end_costs(const GptSizes& sizes) {
  const auto width = static_cast<double>(sizes.width);
  const double block = 24 * width * width + 4 * static_cast<double>(sizes.context) * width;
  return {.embedding = 0, .head = 2 * width * static_cast<double>(sizes.vocabulary) / block};
}

double cost_of(const GptStage& part, EndCosts costs) {
  return static_cast<double>(part.layers.size()) + (part.embedding ? costs.embedding : 0) +
         (part.head ? costs.head : 0);
}

std::vector<GptStage> parts_with_layers(const std::vector<int64_t>& layers) {
  std::vector<GptStage> parts;
  int64_t begin = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    parts.push_back({.layers = {begin, begin + layers[i]},
                     .embedding = i == 0,
                     .head = i + 1 == layers.size()});
    begin += layers[i];
  }
  return parts;
}

//! [18-cut]
std::vector<GptStage> cut_into_parts(int64_t layers, int parts, EndCosts costs) {
  require(parts >= 1 && layers >= 0, "a cut of ", layers, " layers into ", parts, " parts");
  // best[k][n]: what the dearest of the first k parts costs, if they have n layers
  const auto of_layers = static_cast<size_t>(layers) + 1;
  std::vector<std::vector<double>> best(
      static_cast<size_t>(parts) + 1,
      std::vector<double>(of_layers, std::numeric_limits<double>::infinity()));
  std::vector<std::vector<int64_t>> taken(best.size(), std::vector<int64_t>(of_layers));
  best[0][0] = 0;
  for (size_t k = 1; k < best.size(); ++k) {
    const double ends = (k == 1 ? costs.embedding : 0) + (k + 1 == best.size() ? costs.head : 0);
    for (size_t n = 0; n < of_layers; ++n) {
      for (size_t own = 0; own <= n; ++own) {
        const double cost = std::max(best[k - 1][n - own], static_cast<double>(own) + ends);
        if (cost <= best[k][n]) {  // of equals the one with the most layers in this part
          best[k][n] = cost;
          taken[k][n] = static_cast<int64_t>(own);
        }
      }
    }
  }
  std::vector<int64_t> numbers(static_cast<size_t>(parts));
  int64_t left = layers;
  for (size_t k = numbers.size(); k > 0; --k) {
    numbers[k - 1] = taken[k][static_cast<size_t>(left)];
    left -= numbers[k - 1];
  }
  return parts_with_layers(numbers);
}
//! [18-cut]

}  // namespace shard
