// The two schedules with a shorter bubble. F, B: the time of a stage's forward and backward pass,
// of the latter I for the gradient of its input and W for those of its weights.
//     1F1B           (p - 1)·(F + B)      every stage waits for p - 1 others
//     interleaved    (p - 1)·(F + B)/v    … of 1/v of the layers each: v chunks a stage
//     ZB-H1          (p - 1)·(F + I - W)  … and computes gradients of weights meanwhile
// Narayanan et al., arXiv:2104.04473, section 2.2.2; Qi et al., "Zero bubble pipeline parallelism",
// arXiv:2401.10241, section 2.1.
#pragma once
#include "chapters/18_pipeline/schedule.h"
#include "common/base/partition.h"

namespace shard {

// ---- Several chunks a stage ---------------------------------------------------------------------

/// The order in which micro-batches go through the chunks of a stage, the same on every stage: a
/// group of micro-batches through chunk 0, then through chunk 1, …, then the next group.
class InterleavedOrder {
 public:
  /// m micro-batches in groups_of(p, m).
  InterleavedOrder(int stages, int64_t micro_batches, int chunks);
  /// In these groups, which follow each other.
  InterleavedOrder(int stages, int chunks, const std::vector<Range>& groups);

  /// ⌊m/p⌋ groups, or one, as even as possible, the larger ones first. Where p divides m, each has
  /// p micro-batches; otherwise some have more, and none has fewer: the first one of a group comes
  /// back from the other stages after p passes, and a smaller group would wait for it. Throws Error
  /// for fewer than 1 of either.
  static std::vector<Range> groups_of(int stages, int64_t micro_batches);

  struct Turn {
    int64_t micro_batch;
    int chunk;
    bool operator==(const Turn&) const = default;
  };
  int64_t turns() const { return std::ssize(forward_); }  // m·v
  Turn forward(int64_t turn) const { return forward_[static_cast<size_t>(turn)]; }
  /// The same with the chunks from the last to the first.
  Turn backward(int64_t turn) const;

  /// The forward passes of a stage before its first pair of a forward and a backward pass:
  /// 2·(p - 1 - j) + (v - 1)·g, of g micro-batches in the first group, or all passes. The last
  /// stage does (v - 1)·g before it comes to its last chunk. Each stage before it must be ahead by
  /// one pass, or results that arrive in no time would come too late; by two, so that they may take
  /// as long as a pass.
  int64_t warm_up(int stage) const;
  /// The same of an order of groups_of(p, m), which need not be made.
  static int64_t warm_up(int stage, int stages, int64_t micro_batches, int chunks);

 private:
  int stages_, chunks_;
  int64_t first_group_;
  std::vector<Turn> forward_;
};

/// Interleaved 1F1B: warm_up(stage) forward passes, then one forward and one backward pass in turn,
/// then the rest of the backward passes. Stage j keeps warm_up(j) + 1 micro-batches of one chunk
/// each.
Steps interleaved(int stage, int stages, int64_t micro_batches, int chunks);
/// The same with any order, and any warm-up.
Steps interleaved(const InterleavedOrder& order, int64_t warm_up);

// ---- Later gradients of weights -----------------------------------------------------------------

/// The same steps with backward passes in two parts, of which that for the weights comes `later`
/// backward passes after the other, or at the end.
Steps with_later_weights(const Steps& steps, int64_t later);

/// ZB-H1: 1F1B whose stage j computes weights' gradients j backward passes later. Stage j keeps
/// min(m, p - j) micro-batches, and the products of at most j + 1 more passes: together never more
/// than 1F1B keeps on stage 0.
Steps zero_bubble_h1(int stage, int stages, int64_t micro_batches);

}  // namespace shard
