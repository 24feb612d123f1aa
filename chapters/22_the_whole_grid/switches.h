// Switches: what of chapters 13 to 21 a training has switched on, beside tp and dp.
#pragma once
#include <string>

#include "common/comm/grid.h"
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
  int64_t cp = 1, pp = 1;                 // ranks along these axes of the grid
  std::string order = GridLayout::default_order;
  std::string schedule = "1f1b";           // of a pipeline: chapters 18 and 19
  int64_t chunks = 1;                      // of each stage, if it is interleaved
  int64_t experts = 0, top_k = 2, ep = 1;  // chapter 21; 0: dense MLPs
};

void add_options(Options& options, Switches& switches);
/// Refuses switches that do not go together.
void require_consistent(const Switches& switches);
/// Whether the sequences are cut, or the layers.
inline bool is_in_parts(const Switches& switches) { return switches.cp > 1 || switches.pp > 1; }

/// "sequence parallel, recompute full, shard 2"; "tensor and data parallel" where nothing is on.
std::string name_of(const Switches& switches);
std::string to_string(Recompute recompute);

}  // namespace shard::chapter_22
