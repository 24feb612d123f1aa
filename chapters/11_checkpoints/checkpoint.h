// Checkpoints: what training needs to go on as if it had never stopped, on any grid of ranks.
//     model.safetensors      the weights in f32, with GPT-2's names and orientation: [in × out]
//     optimizer.safetensors  AdamW's moments, NAME.first_moment and NAME.second_moment
//     config.json            the sizes, as Hugging Face's transformers expects them of a GPT-2
//     training.json          step, settings, characters, and a fingerprint of the text
//     vocab.json, merges.txt a tokenizer of byte pairs, or whatever files it was read from
//     metrics.csv            of every step: loss, gradient norm, learning rate, speed, validation
// The tensors in the files are whole: every rank writes its own part to where it belongs, and reads
// what it needs.
#pragma once
#include <memory>
#include <string>

#include "chapters/10_tensor_and_data_parallel/metrics.h"
#include "chapters/10_tensor_and_data_parallel/training_step.h"
#include "chapters/11_checkpoints/checkpoint_folder.h"
#include "chapters/11_checkpoints/checkpoint_info.h"
#include "common/comm/communicator.h"

namespace shard {

/// Where a run saves. All ranks hold one, and call it together; rank 0 keeps the folder.
class Checkpoints {
 public:
  /// Throws UsageError on every rank when rank 0 cannot save in `directory` (CheckpointFolder says
  /// when). Collective.
  Checkpoints(Communicator& world, const std::string& directory, int64_t keep,
              const std::filesystem::path& resumed = {});
  /// Writes a checkpoint of `state`, whose tensors are wherever the layout has put them, and
  /// returns its folder; `metrics` are those of rank 0 (metrics.h). Throws Error when the disk
  /// fails. Collective.
  std::string save(const TrainingState& state, const CheckpointInfo& info,
                   const chapter_10::Metrics& metrics = {});
  /// What rank 0 should print (CheckpointFolder says what); nothing on the other ranks.
  std::vector<std::string> warnings();

 private:
  Communicator& world_;
  std::unique_ptr<CheckpointFolder> folder_;
};

/// What rank 0 finds at `path`, on every rank: another run may save there meanwhile. Collective.
std::filesystem::path latest_checkpoint(Communicator& world, const std::filesystem::path& path);

/// Sets weights and moments from the checkpoint's files: of each tensor the part that this rank
/// has. Throws UsageError for a tensor that is missing, of another shape, or, unless `allow_nan`,
/// holds a NaN or an infinity.
void load_checkpoint(const std::filesystem::path& checkpoint, Optimizer& optimizer, bool allow_nan);

}  // namespace shard
