// Generation: a GPT-2 read from a file goes on with a prompt, over tensor-parallel ranks.
#pragma once
#include "chapters/10_tensor_and_data_parallel/settings.h"

namespace shard {

/// Reads --weights and, beside it, the sizes (config.json) and the tokenizer; writes --prompt and
/// --generate more tokens, or fewer where the model ends the text, the same for every number of
/// ranks. Throws UsageError for a file that is no GPT-2, for heads that the ranks cannot share, and
/// for a prompt without tokens.
void generate(Runtime& runtime, Report& report, Settings& settings);

}  // namespace shard
