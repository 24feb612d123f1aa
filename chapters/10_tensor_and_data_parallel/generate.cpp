#include "chapters/10_tensor_and_data_parallel/generate.h"

#include <algorithm>

#include "chapters/10_tensor_and_data_parallel/json_file.h"
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "chapters/10_tensor_and_data_parallel/tokenizer.h"
#include "chapters/10_tensor_and_data_parallel/weights.h"
#include "common/clock.h"

namespace shard {
namespace {

namespace fs = std::filesystem;

/// The number of heads is the one size that the tensors do not tell. What says that this is another model than the
/// tensors make is refused: its text would be wrong without a word.
int64_t heads_in(const fs::path& config, const GptSizes& sizes) {
  require_usage(fs::exists(config), "cannot open ", config.string(), ", which says how many heads the model has");
  const nlohmann::json said = read_json(config);
  try {
    const auto must_be = [&](const char* key, const nlohmann::json& ours) {
      const nlohmann::json theirs = said.value(key, ours);
      require_usage(theirs == ours, config.string(), ": ", key, " is ", shortened(theirs), ", where this model has ",
                    ours.dump());
    };
    must_be("model_type", "gpt2");
    must_be("activation_function", "gelu_new");
    must_be("layer_norm_epsilon", 1e-5);
    must_be("scale_attn_weights", true);
    must_be("scale_attn_by_inverse_layer_idx", false);
    must_be("tie_word_embeddings", true);
    must_be("vocab_size", sizes.vocabulary);
    must_be("n_positions", sizes.context);
    must_be("n_embd", sizes.width);
    must_be("n_layer", sizes.layers);
    const nlohmann::json& heads = said.at("n_head");
    require_usage(heads.is_number_unsigned() && heads > 0 && heads <= 1 << 20, config.string(), ": n_head is ",
                  shortened(heads), ", which is no number of heads");
    return heads.get<int64_t>();
  } catch (const nlohmann::json::exception& error) {
    throw UsageError(
        text(config.string(), " does not say how many heads the model has: ", shortened(std::string(error.what()))));
  }
}

}  // namespace

void generate(Runtime& runtime, Report& report, Settings& s) {
  complete_grid(s, runtime.world().size());
  require_usage(s.save.empty() && s.resume.empty() && !s.layouts,
                "--weights writes text instead of training: it takes no --save, --resume or --layouts");
  require_usage(s.dp == 1, "--weights: one text needs one model: --dp ", s.dp, " must be 1");
  const fs::path file = s.weights;
  const WeightsFile weights(file);
  s.sizes = weights.sizes();
  s.sizes.heads = heads_in(file.parent_path() / "config.json", s.sizes);
  require_usage(s.sizes.width % s.sizes.heads == 0, s.weights, ": a width of ", s.sizes.width,
                " cannot be divided into ", s.sizes.heads, " heads");
  require_usage(s.sizes.heads % s.tp == 0, "the model's ", s.sizes.heads, " heads cannot be shared out over --tp ",
                s.tp);
  const auto tokenizer = tokenizer_in(file.parent_path());
  require_usage(tokenizer->vocabulary() == s.sizes.vocabulary, file.string(), " has ", s.sizes.vocabulary,
                " tokens, the tokenizer beside it ", tokenizer->vocabulary());
  const std::vector<int32_t> prompt = tokenizer->encode(s.prompt);
  require_usage(!prompt.empty(), "--prompt is empty: there is nothing to go on from");

  Gpt model(runtime.world(), s.sizes, {0, 0.0f, 0.0f});
  weights.load(model.parameters(), s.allow_nan);
  report.line(text("  ", file.string(), ": ", s.sizes.layers, " layers, ", s.sizes.heads, " heads, width ",
                   s.sizes.width, ", ", model.parameter_count(), " parameters; prompt of ", prompt.size(),
                   " tokens\n"));
  const double start = now();
  const std::vector<int32_t> tokens = sample(model, runtime.world(), prompt, s.generate,
                                             {runtime.options().seed, stream_of("generate")}, s.temperature);
  const double seconds = now() - start;
  report.line(tokenizer->decode(tokens));
  report.line(text("\n  ", fixed(static_cast<double>(s.generate) / seconds, 1), " tokens/s"));
  const auto all = runtime.world().gather_text(tokenizer->decode(tokens));
  report.check("all ranks wrote the same", std::count(all.begin(), all.end(), all[0]) == std::ssize(all));
  report.result("tokens", std::vector<double>(tokens.begin(), tokens.end()));
}

}  // namespace shard
