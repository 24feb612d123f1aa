// Saving: when a run with --save writes a checkpoint, and how it ends early.
#pragma once
#include "chapters/10_tensor_and_data_parallel/metrics.h"
#include "chapters/11_checkpoints/checkpoint.h"
#include "chapters/11_checkpoints/settings.h"
#include "common/program/interruption.h"

namespace shard::chapter_11 {

class Saving {
 public:
  /// Throws UsageError when --save cannot be saved to. `resumed` is the checkpoint that the run
  /// goes on from, if any. Collective.
  Saving(Runtime& runtime, Report& report, const Settings& settings,
         const std::filesystem::path& resumed);

  /// After the last of these steps: saves where it is due, with `info` and that step. Returns false
  /// where somebody has asked to stop. Collective.
  bool goes_on_after(const chapter_10::Metrics& metrics, Optimizer& optimizer, CheckpointInfo info);
  /// What was measured since the last save goes into its metrics.
  void complete(const chapter_10::Metrics& metrics) const;

 private:
  void say_warnings();

  Communicator& world_;
  Report& report_;
  const Settings& settings_;
  Checkpoints checkpoints_;
  Interruption interruption_;
  std::filesystem::path last_;  // checkpoint that was saved
};

}  // namespace shard::chapter_11
