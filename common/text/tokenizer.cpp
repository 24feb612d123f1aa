#include "common/text/tokenizer.h"

#include "common/base/error.h"
#include "common/storage/json_file.h"
#include "common/text/byte_pair_files.h"
#include "common/text/byte_pair_training.h"
#include "common/text/character_tokenizer.h"

namespace shard {

/// The characters in a checkpoint's training.json, in order; none for a model with byte pairs.
static std::string characters_in(const std::filesystem::path& training) {
  if (!std::filesystem::exists(training)) return {};
  const nlohmann::json said = read_json(training);
  const auto found = said.find("characters");
  require_usage(said.is_object() && found != said.end() && found->is_string(), training.string(),
                " does not belong to a checkpoint: it lists no characters");
  return found->get<std::string>();
}

std::unique_ptr<Tokenizer> tokenizer_in(const std::filesystem::path& folder) {
  const std::filesystem::path training = folder / "training.json";
  const std::string characters = characters_in(training);
  if (characters.empty()) return std::make_unique<BytePairTokenizer>(read_byte_pairs(folder));
  return std::make_unique<CharacterTokenizer>(code_points(characters, training.string()));
}

std::unique_ptr<Tokenizer> tokenizer_of(const std::string& all_text, const std::string& source,
                                        int64_t vocabulary, const std::filesystem::path& folder) {
  if (!folder.empty()) {
    auto tokenizer = tokenizer_in(folder);
    require_usage(vocabulary == 0 || vocabulary == tokenizer->vocabulary(), "--vocabulary ",
                  vocabulary, ": the tokenizer in ", folder.string(), " has ",
                  tokenizer->vocabulary());
    return tokenizer;
  }
  // the text must be UTF-8, also for byte pairs
  const auto characters = code_points(all_text, source);
  if (vocabulary == 0) return std::make_unique<CharacterTokenizer>(characters);
  return std::make_unique<BytePairTokenizer>(learn_byte_pairs(all_text, vocabulary));
}

}  // namespace shard
