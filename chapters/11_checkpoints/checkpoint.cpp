#include "chapters/11_checkpoints/checkpoint.h"

#include <functional>

#include "chapters/11_checkpoints/weights.h"
#include "common/storage/durable.h"
#include "common/storage/safetensors_writer.h"

namespace shard {
namespace {

namespace fs = std::filesystem;

/// Runs `work` on rank 0. Where it throws, all ranks throw the same UsageError.
void on_rank_0(Communicator& world, const std::function<void()>& work) {
  std::string problem;
  try {
    if (world.rank() == 0) work();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  problem = world.gather_text(problem).front();
  require_usage(problem.empty(), problem);
}

struct Files {
  SharedSafetensors model, optimizer;

  Files(const fs::path& folder, const TrainingState& state)
      : model(folder / "model.safetensors", described(state.weights), {{"format", "pt"}}),
        optimizer(folder / "optimizer.safetensors", described(state.moments)) {}

  static std::vector<SharedSafetensors::Description> described(
      const std::vector<StateTensor>& tensors) {
    std::vector<SharedSafetensors::Description> all;
    for (const StateTensor& tensor : tensors) all.push_back({tensor.name, tensor.shard.whole});
    return all;
  }
};

/// This rank's part of each tensor that it is to write, to where it stands in the whole one.
void write_my_parts(SharedSafetensors& file, const std::vector<StateTensor>& tensors) {
  for (const StateTensor& tensor : tensors) {
    if (!tensor.writes) continue;
    const std::vector<float> values = tensor.part.to_host();
    const std::span<const float> all(values);
    tensor.for_each_run([&](int64_t begin, int64_t whole, int64_t length) {
      file.write(tensor.name, whole,
                 all.subspan(static_cast<size_t>(begin), static_cast<size_t>(length)));
    });
  }
}

}  // namespace

Checkpoints::Checkpoints(Communicator& world, const std::string& directory, int64_t keep,
                         const fs::path& resumed)
    : world_(world) {
  on_rank_0(world, [&] { folder_ = std::make_unique<CheckpointFolder>(directory, keep, resumed); });
}

//! [11-save]
std::string Checkpoints::save(const TrainingState& state, const CheckpointInfo& info,
                              const chapter_10::Metrics& metrics) {
  std::string folder;
  if (folder_) folder = folder_->begin();
  folder = world_.gather_text(folder).front();
  Files files(folder, state);
  if (folder_) {
    files.model.create();
    files.optimizer.create();
    replace_file(fs::path(folder) / "config.json", config_text(info));
    replace_file(fs::path(folder) / "training.json", training_text(info));
    for (const auto& [name, content] : info.tokenizer_files)
      replace_file(fs::path(folder) / name, content);
    replace_file(fs::path(folder) / chapter_10::metrics_name, chapter_10::metrics_text(metrics));
  }
  world_.barrier();  // the files are there
  files.model.open();
  files.optimizer.open();
  write_my_parts(files.model, state.weights);
  write_my_parts(files.optimizer, state.moments);
  files.model.close();
  files.optimizer.close();
  world_.barrier();  // all parts are on the disk
  std::string name;
  if (folder_) name = folder_->finish(info.step);
  return world_.gather_text(name).front();
}
//! [11-save]

std::vector<std::string> Checkpoints::warnings() {
  return folder_ ? folder_->warnings() : std::vector<std::string>();
}

fs::path latest_checkpoint(Communicator& world, const fs::path& path) {
  std::string found;
  on_rank_0(world, [&] { found = latest_checkpoint(path).string(); });
  return world.gather_text(found).front();
}

//! [11-load]
void load_checkpoint(const fs::path& checkpoint, Optimizer& optimizer, bool allow_nan) {
  const WeightsFile weights(checkpoint / "model.safetensors");
  const SafetensorsReader moments(checkpoint / "optimizer.safetensors");
  TrainingState state = optimizer.state();
  for (StateTensor& tensor : state.weights)
    tensor.assign(weights.part(tensor.name, tensor.shard, allow_nan));
  for (StateTensor& tensor : state.moments)
    tensor.assign(read_part(moments, tensor.name, tensor.shard, allow_nan));
  optimizer.state_was_set();
}
//! [11-load]

}  // namespace shard
