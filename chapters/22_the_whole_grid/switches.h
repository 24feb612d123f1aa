// Switches: what of chapters 13 to 16 a training has switched on, beside the grid.
#pragma once
#include <string>

#include "common/program/options.h"

namespace shard::chapter_22 {

enum class Recompute {
  none,
  selective,  // attention's probabilities: the fused attention never keeps them, so this is `none`
  full,       // blocks, from their inputs
};

struct Switches {
  bool sequence_parallel = false;         // chapter 13
  Recompute recompute = Recompute::none;  // chapter 14
  int64_t shard_optimizer = 0;            // 1 and 2: chapter 15; 3: chapter 16
  bool no_prefetch = false;               // with 3: no weights are gathered ahead
  double memory = 0;                      // MB of activations that a rank may keep; 0: any
};

void add_options(Options& options, Switches& switches);
/// Refuses switches that do not go together.
void require_consistent(const Switches& switches);

/// "sequence parallel, recompute full, shard 2"; "tensor and data parallel" where nothing is on.
std::string name_of(const Switches& switches);
std::string to_string(Recompute recompute);

}  // namespace shard::chapter_22
