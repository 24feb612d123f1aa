#include "chapters/11_checkpoints/pretrained.h"

#include "common/storage/json_file.h"

namespace shard {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The number of heads is the one size that the tensors do not tell. What says that this is another
/// model than the tensors make is refused: its text would be wrong without a word.
int64_t heads_in(const fs::path& file, const json& config, const WeightsFile& weights) {
  const auto must_be = [&](const char* key, const json& ours) {
    const json theirs = config.value(key, ours);
    require_usage(theirs == ours, file.string(), ": ", key, " is ", shortened(theirs),
                  ", but this model has ", ours.dump());
  };
  const GptSizes& sizes = weights.sizes();
  must_be("model_type", "gpt2");
  must_be("activation_function", "gelu_new");
  must_be("layer_norm_epsilon", 1e-5);
  must_be("scale_attn_weights", true);
  must_be("scale_attn_by_inverse_layer_idx", false);
  if (!weights.has_head()) must_be("tie_word_embeddings", true);  // else the tensors are compared
  must_be("vocab_size", sizes.vocabulary);
  must_be("n_positions", sizes.context);
  must_be("n_embd", sizes.width);
  must_be("n_layer", sizes.layers);
  const json& heads = config.at("n_head");
  require_usage(heads.is_number_unsigned() && heads > 0 && heads <= 1 << 20, file.string(),
                ": n_head is ", shortened(heads), ", which is not a number of heads");
  require_usage(sizes.width % heads.get<int64_t>() == 0, file.string(), ": a width of ",
                sizes.width, " cannot be divided into ", heads.get<int64_t>(), " heads");
  return heads.get<int64_t>();
}

/// eos_token_id as transformers finds it: generation_config.json's where there is one, even if it
/// has none, else that of config.json, by default GPT-2's. Nothing, a number, or a list of numbers.
std::vector<int64_t> end_of_text_in(const fs::path& folder) {
  constexpr int64_t of_gpt2 = 50256;
  const bool generation = fs::exists(folder / "generation_config.json");
  const fs::path file = folder / (generation ? "generation_config.json" : "config.json");
  const json config = read_json(file);
  require_usage(config.is_object(), file.string(), " is not a JSON object");
  json end = config.value("eos_token_id", generation ? json() : json(of_gpt2));
  if (end.is_null()) return {};
  if (!end.is_array()) end = json::array({end});
  std::vector<int64_t> tokens;
  for (const json& token : end) {
    require_usage(token.is_number_integer(), file.string(), ": eos_token_id holds ",
                  shortened(token), ", which is not the number of a token");
    tokens.push_back(token.get<int64_t>());
  }
  return tokens;
}

}  // namespace

Pretrained::Pretrained(const fs::path& path)
    : weights(path), folder(weights.path().parent_path()), sizes(weights.sizes()) {
  if (folder.empty()) folder = ".";
  const fs::path config_file = folder / "config.json";
  require_usage(fs::exists(config_file), "cannot open ", config_file.string(),
                ", which gives the number of heads");
  const json config = read_json(config_file);
  try {
    sizes.heads = heads_in(config_file, config, weights);
  } catch (const json::exception& error) {
    throw UsageError(text(config_file.string(), " does not give the number of heads: ",
                          shortened(std::string(error.what()))));
  }
  tokenizer = tokenizer_in(folder);
  require_usage(padding() >= 0 && (padding() == 0 || tokenizer->characters().empty()),
                weights.path().string(), " has ", sizes.vocabulary,
                " tokens, the tokenizer beside it ", tokenizer->vocabulary());
  end_of_text = end_of_text_of(folder, *tokenizer);
}

std::vector<int64_t> end_of_text_of(const fs::path& folder, const Tokenizer& tokenizer) {
  if (!tokenizer.characters().empty()) return {};
  if (!folder.empty()) return end_of_text_in(folder);
  const auto end = tokenizer.end_of_text();
  return end ? std::vector<int64_t>{*end} : std::vector<int64_t>{};
}

}  // namespace shard
