// Comparison: runs resumed in other layouts, and the run that was not interrupted.
#pragma once
#include "chapters/11_checkpoints/broken_run.h"

namespace shard::chapter_11 {

/// How a resumed run differs from the one that was not interrupted.
struct Difference {
  std::vector<double> losses;  // on rank 0
  double of_losses = 0, of_weights = 0;
  bool same_files = true;  // what it has saved before its first step

  std::vector<std::string> row(const std::string& name) const;  // of a table
};

class Comparison {
 public:
  /// The checkpoints go into `folder`.
  Comparison(Communicator& world, const Settings& settings, const chapter_10::Corpus& corpus,
             const std::string& folder)
      : world_(world), settings_(settings), corpus_(corpus), folder_(folder) {}

  /// Takes all steps of a new run, and saves after the first half and at the end. Collective.
  void take_unbroken(BrokenRun& run);
  /// Goes on from the middle in a layout of the first ranks, and compares. All ranks get the same
  /// answer; those that the layout does not use wait. Collective.
  Difference go_on(chapter_10::Layout layout, bool forgets_moments = false);

  const std::string& middle() const { return middle_; }  // the checkpoint that all go on from
  const std::vector<double>& losses() const { return losses_; }  // after it, not interrupted

 private:
  void compare(Communicator& ranks, chapter_10::Layout layout, bool forgets_moments,
               Difference& found);

  Communicator& world_;
  const Settings& settings_;
  const chapter_10::Corpus& corpus_;
  std::string folder_, middle_, end_;  // the last two: checkpoints
  Range second_half_{settings_.training.steps / 2, settings_.training.steps};
  std::vector<double> losses_;  // of the second half
};

}  // namespace shard::chapter_11
