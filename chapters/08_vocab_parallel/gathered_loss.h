// What the vocabulary-parallel loss saves, against a loss from logits that are gathered on every
// rank.
#pragma once
#include "chapters/08_vocab_parallel/trial.h"

namespace shard::chapter_08 {

/// Computes the losses from sharded and from gathered logits, for a small vocabulary and GPT-2's,
/// prints the bytes and the time of each, and checks that they agree. Collective.
void compare_with_gathering(Report& report, Trial& trial);

}  // namespace shard::chapter_08
