// A tokenizer of byte pairs as Hugging Face keeps it: tokenizer.json, or vocab.json with
// merges.txt; and beside them, where they are there, tokenizer_config.json, special_tokens_map.json
// and added_tokens.json.
#pragma once
#include "common/text/byte_pairs.h"

namespace shard {

/// Reads the tokenizer that lies in `folder`, as transformers would. Throws UsageError, naming file
/// and field, for what would lead to other tokens there: nothing is passed over.
BytePairs read_byte_pairs(const std::filesystem::path& folder);

}  // namespace shard
