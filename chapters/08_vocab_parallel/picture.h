// The picture of chapter 08: how the vocabulary is cut, in the embedding's table and in the logits.
#pragma once
#include "chapters/08_vocab_parallel/trial.h"

namespace shard::chapter_08 {

/// Collective.
void draw_vocabulary_cut(Report& report, Trial& trial);

}  // namespace shard::chapter_08
