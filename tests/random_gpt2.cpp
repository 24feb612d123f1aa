// random_gpt2: a GPT-2 with random weights, of 124 million if --layers is not told, in a folder
// that chapter 12 and transformers read. bench.sh measures generation with it: speed does not
// depend on what the weights are.
#include <nlohmann/json.hpp>

#include "chapters/11_checkpoints/checkpoint.h"
#include "common/program/runtime.h"
#include "common/text/text_data.h"
#include "common/text/tokenizer.h"

using namespace shard;

/// Files of a tokenizer with so many tokens: some byte pairs, and tokens that no text has.
static std::map<std::string, std::string> tokenizer_files(int64_t vocabulary) {
  constexpr int64_t learnt = 300;
  auto files = tokenizer_of(read_text(""), "the default text", learnt, {})->files();
  nlohmann::json tokens = nlohmann::json::parse(files.at("vocab.json"));
  for (int64_t id = std::ssize(tokens); id < vocabulary; ++id) tokens[text("<", id, ">")] = id;
  files["vocab.json"] = tokens.dump();
  return files;
}

int main(int argc, char** argv) {
  std::string directory;
  GptSizes sizes{.vocabulary = 50257, .context = 1024, .width = 768, .heads = 12, .layers = 12};
  Options options("random_gpt2", "A GPT-2 with random weights");
  options.text("--save", directory, "the folder in which it is made");
  options.size("--layers", sizes.layers, "its layers");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    require_usage(!directory.empty(), "--save is missing: it names the folder");
    const CheckpointInfo info{.sizes = sizes,
                              .settings = {},
                              .characters = {},
                              .data = {},
                              .tokenizer_files = tokenizer_files(sizes.vocabulary)};
    Gpt model(runtime.world(), sizes, {runtime.options().seed, 0.02f, 0.0f});
    TrainingState state;
    for (const Parameter* parameter : model.parameters())
      state.weights.push_back(
          {parameter->name, parameter->shard, parameter->value, parameter->counts});
    report.line(Checkpoints(runtime.world(), directory, 1).save(state, info));
  });
}
