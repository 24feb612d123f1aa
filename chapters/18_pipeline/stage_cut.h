// Which layers a stage of a pipeline has. The embedding and the head are work, too: the head's
// product with the table costs as much as some blocks.
#pragma once
#include "chapters/10_tensor_and_data_parallel/gpt.h"

namespace shard {

/// What the ends of the model cost, in blocks.
struct EndCosts {
  double embedding = 0, head = 0;
};
/// By their products: for each token, a block's take 24·width² + 4·context·width operations, the
/// head's 2·width·vocabulary, and the embedding looks its row up. Narayanan et al.,
/// arXiv:2104.04473, appendix A.
EndCosts end_costs(const GptSizes& sizes);

/// Cuts the model into `parts` of whole, consecutive layers, the first with the embedding and the
/// last with the head, so that the dearest part is as cheap as possible; of several such cuts, the
/// one with the most layers in the last parts, which keep the fewest micro-batches. A part may have
/// no layers. Throws Error for fewer than 1 part.
std::vector<GptStage> cut_into_parts(int64_t layers, int parts, EndCosts costs);

/// Parts with these numbers of layers.
std::vector<GptStage> parts_with_layers(const std::vector<int64_t>& layers);

/// What a part costs, in blocks.
double cost_of(const GptStage& part, EndCosts costs);

}  // namespace shard
