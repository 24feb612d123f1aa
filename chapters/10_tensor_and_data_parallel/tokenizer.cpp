#include "chapters/10_tensor_and_data_parallel/tokenizer.h"

#include "chapters/10_tensor_and_data_parallel/byte_pairs.h"
#include "chapters/10_tensor_and_data_parallel/checkpoint_info.h"
#include "chapters/10_tensor_and_data_parallel/text_data.h"

namespace shard {

std::unique_ptr<Tokenizer> tokenizer_in(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "training.json")) {
    return std::make_unique<CharacterTokenizer>(
        code_points(read_checkpoint_info(folder).characters, (folder / "training.json").string()));
  }
  require_usage(std::filesystem::exists(folder / "vocab.json") && std::filesystem::exists(folder / "merges.txt"),
                "there is no tokenizer in ", folder.string(), ": neither training.json nor vocab.json with merges.txt");
  return std::make_unique<BytePairTokenizer>(folder / "vocab.json", folder / "merges.txt");
}

}  // namespace shard
