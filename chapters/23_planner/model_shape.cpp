#include "chapters/23_planner/model_shape.h"

#include "common/base/error.h"

namespace shard::chapter_23 {

namespace {

// GPT-2's 50,257 tokens, padded to a multiple of 128 for up to 8 ranks (Narayanan et al.,
// arXiv:2104.04473, table 1).
constexpr int64_t padded = 51'200;

ModelShape gpt(const std::string& name, int64_t layers, int64_t width, int64_t heads,
               int64_t context, int64_t vocabulary = padded) {
  return {.name = name,
          .layers = layers,
          .width = width,
          .heads = heads,
          .context = context,
          .vocabulary = vocabulary};
}

/// A gated MLP has three matrices of width × hidden: as many weights and as much work as two
/// matrices of 1.5 times that hidden width. All heads have their own keys and values here, which
/// Llama's largest models share among heads; an output layer is the embedding's matrix, as GPT's.
ModelShape llama(const std::string& name, int64_t layers, int64_t width, int64_t heads,
                 int64_t context, int64_t vocabulary, int64_t gated, int64_t experts = 0) {
  ModelShape shape = gpt(name, layers, width, heads, context, vocabulary);
  shape.hidden = gated * 3 / 2;
  shape.experts = experts;
  return shape;
}

// The published tables' models; their names begin with the table's.
std::vector<ModelShape> published_models() {
  return {
      // Shoeybi et al., arXiv:1909.08053, table 1: heads of 96
      gpt("2019-1.2b", 40, 1536, 16, 1024), gpt("2019-2.5b", 54, 1920, 20, 1024),
      gpt("2019-4.2b", 64, 2304, 24, 1024), gpt("2019-8.3b", 72, 3072, 32, 1024),
      // its table 7
      gpt("2019-8.3b-16-heads", 72, 3072, 16, 1024), gpt("2019-8.3b-24-heads", 72, 3072, 24, 1024),
      // Megatron-LM's README of September 2020, commit 5281919420
      gpt("2020-1b", 24, 1920, 15, 1024), gpt("2020-2b", 30, 2304, 18, 1024),
      gpt("2020-4b", 36, 3072, 24, 1024), gpt("2020-8b", 42, 4096, 32, 1024),
      // Narayanan et al., arXiv:2104.04473, table 1
      gpt("sc21-1.7b", 24, 2304, 24, 2048), gpt("sc21-3.6b", 30, 3072, 32, 2048),
      gpt("sc21-7.5b", 36, 4096, 32, 2048), gpt("sc21-18.4b", 40, 6144, 48, 2048),
      gpt("sc21-39.1b", 48, 8192, 64, 2048), gpt("sc21-76.1b", 60, 10240, 80, 2048),
      gpt("sc21-145.6b", 80, 12288, 96, 2048), gpt("sc21-310.1b", 96, 16384, 128, 2048),
      gpt("sc21-529.6b", 105, 20480, 128, 2048), gpt("sc21-1008b", 128, 25600, 160, 2048),
      // Korthikanti et al., arXiv:2205.05198, table 3
      gpt("sp-22b", 48, 6144, 64, 2048), gpt("sp-530b", 105, 20480, 128, 2048),
      gpt("sp-1t", 128, 25600, 160, 2048),
      // Megatron-Core r0.8: README of Megatron-LM's commit d98e8a64dd
      gpt("core-1.7b", 24, 2048, 16, 4096, 131'072), gpt("core-7.1b", 30, 4096, 32, 4096, 131'072),
      gpt("core-16b", 32, 6144, 48, 4096, 131'072), gpt("core-32b", 48, 7168, 56, 4096, 131'072),
      gpt("core-70b", 84, 8192, 64, 4096, 131'072), gpt("core-119b", 92, 10240, 80, 4096, 131'072),
      gpt("core-177b", 96, 12288, 96, 4096, 131'072),
      gpt("core-314b", 96, 16384, 128, 4096, 131'072),
      gpt("core-462b", 112, 18432, 144, 4096, 131'072)};
}

std::vector<ModelShape> all_models() {
  std::vector<ModelShape> models{
      // Radford et al., 2019, table 2
      gpt("gpt2", 12, 768, 12, 1024), gpt("gpt2-medium", 24, 1024, 16, 1024),
      gpt("gpt2-large", 36, 1280, 20, 1024), gpt("gpt2-xl", 48, 1600, 25, 1024),
      // Brown et al., arXiv:2005.14165, table 2.1; 1.3B with heads of 128
      gpt("gpt3-125m", 12, 768, 12, 2048), gpt("gpt3-350m", 24, 1024, 16, 2048),
      gpt("gpt3-760m", 24, 1536, 16, 2048), gpt("gpt3-1.3b", 24, 2048, 16, 2048),
      gpt("gpt3-2.7b", 32, 2560, 32, 2048), gpt("gpt3-6.7b", 32, 4096, 32, 2048),
      gpt("gpt3-13b", 40, 5120, 40, 2048), gpt("gpt3-175b", 96, 12288, 96, 2048),
      // Touvron et al., arXiv:2307.09288; Dubey et al., arXiv:2407.21783, table 3
      llama("llama2-7b", 32, 4096, 32, 4096, 32'000, 11'008),
      llama("llama2-13b", 40, 5120, 40, 4096, 32'000, 13'824),
      llama("llama2-70b", 80, 8192, 64, 4096, 32'000, 28'672),
      llama("llama3-8b", 32, 4096, 32, 8192, 128'256, 14'336),
      llama("llama3-70b", 80, 8192, 64, 8192, 128'256, 28'672),
      llama("llama3-405b", 126, 16384, 128, 8192, 128'256, 53'248),
      // Jiang et al., arXiv:2401.04088, table 1
      llama("mixtral-8x7b", 32, 4096, 32, 4096, 32'000, 14'336, 8)};
  for (ModelShape& model : published_models()) models.push_back(std::move(model));
  return models;
}

}  // namespace

const std::vector<ModelShape>& known_models() {
  static const std::vector<ModelShape> models = all_models();
  return models;
}

ModelShape model_named(const std::string& name) {
  std::string names;
  for (const ModelShape& model : known_models()) {
    if (model.name == name) return model;
    names += (names.empty() ? "" : ", ") + model.name;
  }
  throw UsageError(text("there is no model \"", name, "\"; the models are ", names));
}

}  // namespace shard::chapter_23
