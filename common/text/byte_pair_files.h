// Reads a byte-pair tokenizer in Hugging Face's format: tokenizer.json, or vocab.json with
// merges.txt; and, if they exist, tokenizer_config.json, special_tokens_map.json and
// added_tokens.json.
#pragma once
#include "common/text/byte_pairs.h"

namespace shard {

/// Reads the tokenizer in `folder`, as transformers would. Throws UsageError, naming file and
/// field, for everything that is not supported and would give other tokens in transformers.
BytePairs read_byte_pairs(const std::filesystem::path& folder);

}  // namespace shard
