// Layout: how a model is spread over ranks, and what is switched on: chapter 22's choices, and the
// micro-batch.
#pragma once
#include "chapters/22_the_whole_grid/switches.h"
#include "chapters/23_planner/model_shape.h"

namespace shard::chapter_23 {

using chapter_22::Recompute;

struct Layout {
  int64_t tp = 1, cp = 1, pp = 1, dp = 1;  // ranks along each axis of the grid
  int64_t ep = 1;                          // of cp · dp, for experts
  int64_t micro_batch = 1;                 // sequences
  int64_t chunks = 1;                      // of each stage; more than 1: interleaved
  bool sequence_parallel = false;
  Recompute recompute = Recompute::none;
  int64_t shard_optimizer = 0;    // ZeRO's stage, 0 to 3
  std::string schedule = "1f1b";  // "gpipe", "1f1b", "interleaved", "zb-h1"

  int64_t ranks() const { return tp * cp * pp * dp; }
  /// Of a batch of so many sequences, on each data-parallel rank.
  int64_t micro_batches(int64_t batch) const { return batch / (dp * micro_batch); }
};

/// "tp=8,pp=8,dp=8,micro=1,chunks=3,sp,recompute=selective,shard=1,schedule=1f1b,cp=1,ep=1": what
/// is not named is as in Layout{}. chunks > 1 means schedule=interleaved. Throws UsageError.
Layout layout_from(const std::string& text);
/// The same text, without what is as in Layout{}.
std::string to_string(const Layout& layout);
/// Why the model and a batch of so many sequences cannot be spread so, in one sentence; "" if they
/// can.
std::string problem_of(const Layout& layout, const ModelShape& model, int64_t batch);

}  // namespace shard::chapter_23
