// What does not change a text: the number of ranks, and whether keys and values are kept.
#pragma once
#include "chapters/11_checkpoints/pretrained.h"
#include "chapters/12_generation/settings.h"
#include "common/program/runtime.h"

namespace shard::chapter_12 {

/// Writes the same text on 1, 2, … ranks, as far as they can share the heads, and shows what each
/// rank computes and sends for it. Checks that the texts are equal. Collective.
void compare_ranks(Runtime& runtime, Report& report, const Settings& settings,
                   const Pretrained& pretrained);

/// Token after token with kept keys and values, beside computing the whole text again each time.
/// Checks that the logits agree. Collective.
void compare_with_uncached(Runtime& runtime, Report& report, const Settings& settings,
                           const Pretrained& pretrained);

}  // namespace shard::chapter_12
