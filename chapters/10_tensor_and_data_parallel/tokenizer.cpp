#include "chapters/10_tensor_and_data_parallel/tokenizer.h"

#include "chapters/10_tensor_and_data_parallel/byte_pair_files.h"
#include "chapters/10_tensor_and_data_parallel/byte_pair_training.h"
#include "chapters/10_tensor_and_data_parallel/checkpoint_info.h"
#include "chapters/10_tensor_and_data_parallel/text_data.h"

namespace shard {

std::unique_ptr<Tokenizer> tokenizer_in(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "training.json")) {
    const std::string characters = read_checkpoint_info(folder).characters;
    if (!characters.empty()) {
      return std::make_unique<CharacterTokenizer>(code_points(characters, (folder / "training.json").string()));
    }
  }
  return std::make_unique<BytePairTokenizer>(read_byte_pairs(folder));
}

std::unique_ptr<Tokenizer> tokenizer_of(const std::string& all_text, const std::string& source, int64_t vocabulary,
                                        const std::filesystem::path& folder) {
  if (!folder.empty()) {
    auto tokenizer = tokenizer_in(folder);
    require_usage(vocabulary == 0 || vocabulary == tokenizer->vocabulary(), "--vocabulary ", vocabulary,
                  ": the tokenizer in ", folder.string(), " has ", tokenizer->vocabulary());
    return tokenizer;
  }
  const auto characters = code_points(all_text, source);  // also where it is cut into byte pairs, it must be UTF-8
  if (vocabulary == 0) return std::make_unique<CharacterTokenizer>(characters);
  return std::make_unique<BytePairTokenizer>(learn_byte_pairs(all_text, vocabulary));
}

}  // namespace shard
