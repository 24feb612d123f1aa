// Generation: a GPT-2 goes on with a prompt, over tensor-parallel ranks.
#pragma once
#include "chapters/11_checkpoints/pretrained.h"
#include "chapters/12_generation/settings.h"
#include "common/program/runtime.h"

namespace shard::chapter_12 {

/// Throws UsageError for heads that the ranks cannot share evenly.
void require_even_heads(int64_t heads, int ranks);

/// Writes --prompt and --generate more tokens with the model, or fewer where it ends the text, the
/// same for every number of ranks. Throws UsageError for heads that the ranks cannot share, and for
/// a prompt without tokens. Collective.
void generate(Runtime& runtime, Report& report, const Settings& settings,
              const Pretrained& pretrained);

}  // namespace shard::chapter_12
