// What the vocabulary-parallel loss saves: the same loss from logits that were gathered on every
// rank.
#pragma once
#include "chapters/08_vocab_parallel/trial.h"

namespace shard {

/// Computes the losses of a small and of GPT-2's vocabulary both ways, prints what each sends and
/// how long it takes, and checks that they agree. Collective.
void compare_with_gathering(Report& report, Trial& trial);

}  // namespace shard
