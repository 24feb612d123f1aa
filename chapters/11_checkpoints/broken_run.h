// BrokenRun: a model in training on some of the ranks, which can be saved, and loaded into another.
#pragma once
#include "chapters/10_tensor_and_data_parallel/corpus.h"
#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "chapters/11_checkpoints/settings.h"

namespace shard::chapter_11 {

class BrokenRun {
 public:
  /// A new model on the ranks of `ranks`: tp · dp of them. Collective, as is every function here.
  BrokenRun(Communicator& ranks, chapter_10::Layout layout, const Settings& settings,
            const chapter_10::Corpus& corpus);

  /// Takes steps first … end - 1. Returns their losses.
  std::vector<double> steps(Range steps);
  /// Writes a checkpoint into `directory`, and returns its folder.
  std::string save(const std::string& directory, int64_t step);
  void load(const std::string& checkpoint);
  void forget_moments();

  /// For --picture: the grid, and what each rank holds.
  void draw(Runtime& runtime, Report& report);

  TrainingState state() { return trainer_.optimizer().state(); }
  /// Bytes of tensors that this rank writes.
  int64_t bytes_written();

 private:
  Communicator& ranks_;
  const Settings& settings_;
  const chapter_10::Corpus& corpus_;
  Grid grid_;
  Gpt model_;
  Trainer trainer_;
};

}  // namespace shard::chapter_11
