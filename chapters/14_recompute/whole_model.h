// A whole GPT whose activations must fit into some memory: only as many blocks as do not fit are
// recomputed.
#pragma once
#include "chapters/14_recompute/memory_plan.h"
#include "chapters/14_recompute/observed.h"
#include "chapters/14_recompute/one_block.h"
#include "common/check/calls.h"

namespace shard::chapter_14 {

class WholeModel {
 public:
  WholeModel(Runtime& runtime, Report& report, const Sizes& sizes, const DropoutMoment& moment);

  /// What the model keeps on the rank with the largest parts, by the formulas. It is the same
  /// number on every rank: if they recomputed different blocks, they would call different
  /// collectives.
  ModelBytes largest_bytes() const { return bytes_on(0); }

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

  // By the formulas.
  ModelBytes bytes_on(int rank) const;
  int64_t flops(int64_t recomputed) const;
  std::vector<Calls> calls(int64_t recomputed) const;

  int rank() const { return runtime_.world().rank(); }
  BlockWork work_on(int rank) const { return sizes_.work(runtime_.world().size(), rank, moment_); }
  int64_t columns() const { return vocabulary_part(sizes_.vocabulary, runtime_.world()).size(); }

  Runtime& runtime_;
  Report& report_;
  Sizes sizes_;
  DropoutMoment moment_;
  ObservedGpt model_;
  Tensor tokens_, targets_;  // i32 [tokens]
};

}  // namespace shard::chapter_14
