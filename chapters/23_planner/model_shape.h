// ModelShape: the sizes of a GPT, which is all that the planner knows of a model.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace shard::chapter_23 {

struct ModelShape {
  std::string name;
  int64_t layers = 0, width = 0, heads = 0, context = 0;
  int64_t vocabulary = 0;          // with the tokens that it is padded with
  int64_t hidden = 0;              // of the MLP; 0: 4 · width
  int64_t experts = 0, top_k = 2;  // 0: dense MLPs (chapter 21)

  int64_t mlp_width() const { return hidden == 0 ? 4 * width : hidden; }
  int64_t head_width() const { return width / heads; }
};

/// GPT-2's, GPT-3's, Llama's and the published tables' models by name: "gpt3-175b". Throws
/// UsageError, which lists the names, for another.
ModelShape model_named(const std::string& name);
const std::vector<ModelShape>& known_models();

}  // namespace shard::chapter_23
