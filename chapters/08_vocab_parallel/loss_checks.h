// The checks of the loss from sharded logits.
#pragma once
#include "chapters/08_vocab_parallel/trial.h"

namespace shard::chapter_08 {

/// Losses and gradients against double precision and finite differences, the ledger, and padding
/// columns full of garbage. Collective.
void check_loss(Report& report, Trial& trial);

/// The loss with and without the maximum subtracted first: exp(1000) is infinite in f32, but with
/// the maximum subtracted no exponent is above 0, and one is 0. Collective.
void show_stability(Report& report, Trial& trial);

}  // namespace shard::chapter_08
