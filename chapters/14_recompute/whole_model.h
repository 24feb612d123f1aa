// A whole GPT whose activations must fit into some memory: only as many blocks as do not fit are
// recomputed.
#pragma once
#include "chapters/14_recompute/model_costs.h"
#include "chapters/14_recompute/observed.h"
#include "chapters/14_recompute/one_block.h"

namespace shard::chapter_14 {

class WholeModel {
 public:
  WholeModel(Runtime& runtime, Report& report, const Sizes& sizes, const DropoutMoment& moment);

  /// What the model keeps on the rank with the largest parts, by the formulas. It is the same
  /// number on every rank: if they recomputed different blocks, they would call different
  /// collectives.
  ModelBytes largest_bytes() const { return kept_bytes(work_on(0)); }

  /// Steps with none, the first `fitting`, and all blocks recomputed, so that `limit` bytes are
  /// kept at most: checks kept bytes, FLOPs and collectives, and all gradients bit by bit, and
  /// draws what is kept for --picture. Collective, as is what follows.
  void compare(int64_t fitting, int64_t limit);
  /// Times these steps, `repeat` times in turns.
  void time(int64_t fitting, int64_t repeat);

 private:
  struct Step {
    int64_t recomputed = 0;
    std::vector<int64_t> kept;  // bytes, at each moment of kept_over_time()
    int64_t most_kept = 0, flops = 0;
    Ledger ledger;
    std::vector<Tensor> gradients;
  };
  Step step(int64_t recomputed);
  void recompute_first(int64_t recomputed);
  void check(const Step& step, const Step& of_none);
  void draw(const std::vector<Step>& steps, int64_t limit);

  int rank() const { return runtime_.world().rank(); }
  ModelWork work_on(int rank) const;  // for the formulas

  Runtime& runtime_;
  Report& report_;
  Sizes sizes_;
  DropoutMoment moment_;
  ObservedGpt model_;
  Tensor tokens_, targets_;  // i32 [tokens]
};

}  // namespace shard::chapter_14
