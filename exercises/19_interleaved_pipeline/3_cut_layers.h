#pragma once
#include <cstdint>
#include <vector>

namespace shard {

/// What a micro-batch takes in each part of a model, in any unit of time. A layer takes at least 1.
struct PartCosts {
  int64_t layer, embedding, head;
};

/// How many of the layers each of the stages has, in their order: none or more. The first stage has
/// the embedding, too, and the last one the head. The dearest stage is as cheap as possible; where
/// several cuts are equally good, any of them.
std::vector<int64_t> cut_layers(int64_t layers, const PartCosts& costs, int stages);

}  // namespace shard
