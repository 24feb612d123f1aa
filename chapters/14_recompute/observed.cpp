#include "chapters/14_recompute/observed.h"

namespace shard::chapter_14 {

std::vector<int64_t> kept_over_time(ObservedGpt& model, const Tensor& tokens, const Tensor& targets,
                                    int64_t batch, const DropoutMoment& moment) {
  std::vector<int64_t> bytes;
  ObservedGpt::Kept kept;
  model.on_activation = [&](const std::string& name, const Tensor&) {
    if (name.starts_with("block ")) bytes.push_back(bytes_of(kept));
  };
  for (auto& block : model.blocks) {
    block->on_backward = [&](const TransformerBlock::Kept& again) {
      bytes.push_back(bytes_of(KeptAtOnce{kept, again}));
    };
  }
  model.forward(tokens, targets, batch, moment, kept);
  bytes.push_back(bytes_of(kept));
  model.backward(1.0f, kept);
  model.on_activation = nullptr;
  for (auto& block : model.blocks) block->on_backward = nullptr;
  return bytes;
}

}  // namespace shard::chapter_14
