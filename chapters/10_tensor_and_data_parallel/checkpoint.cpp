#include "chapters/10_tensor_and_data_parallel/checkpoint.h"

#include <functional>

#include "chapters/10_tensor_and_data_parallel/weights.h"
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

  Files(const fs::path& folder, const std::vector<TrainedParameter>& parameters)
      : model(folder / "model.safetensors", weights_of(parameters), {{"format", "pt"}}),
        optimizer(folder / "optimizer.safetensors", moments_of(parameters)) {}

  static std::vector<SharedSafetensors::Description> weights_of(
      const std::vector<TrainedParameter>& parameters) {
    std::vector<SharedSafetensors::Description> tensors;
    for (const auto& [parameter, weight, first, second] : parameters) {
      tensors.push_back({parameter->name, parameter->shard.whole});
    }
    return tensors;
  }

  static std::vector<SharedSafetensors::Description> moments_of(
      const std::vector<TrainedParameter>& parameters) {
    std::vector<SharedSafetensors::Description> tensors;
    for (const auto& [parameter, weight, first, second] : parameters) {
      tensors.push_back({parameter->name + ".first_moment", parameter->shard.whole});
      tensors.push_back({parameter->name + ".second_moment", parameter->shard.whole});
    }
    return tensors;
  }
};

/// This rank's part of a tensor, to where it stands in the whole one.
void write_part(SharedSafetensors& file, const std::string& name, const Shard& shard,
                const Tensor& part) {
  const std::vector<float> values = part.to_host();
  shard.for_each_run([&](int64_t local, int64_t whole, int64_t length) {
    file.write(name, whole,
               std::span(values).subspan(static_cast<size_t>(local), static_cast<size_t>(length)));
  });
}

/// Data-parallel ranks hold the same, and take turns; of the other ranks that hold the same, the one
/// where it counts writes.
void write_my_parts(Files& files, ProcessGrid& grid,
                    const std::vector<TrainedParameter>& parameters) {
  int turn = 0;
  for (const auto& [parameter, weight, first, second] : parameters) {
    const bool mine = turn++ % grid.dp().size() == grid.dp().rank();
    if (!mine || !parameter->counts) continue;
    write_part(files.model, parameter->name, parameter->shard, weight);
    write_part(files.optimizer, parameter->name + ".first_moment", parameter->shard, first);
    write_part(files.optimizer, parameter->name + ".second_moment", parameter->shard, second);
  }
}

void set(Tensor tensor, const std::vector<float>& values) {
  tensor.assign(std::span<const float>(values));
}

}  // namespace

Checkpoints::Checkpoints(Communicator& world, const std::string& directory, int64_t keep,
                         const fs::path& resumed)
    : world_(world) {
  on_rank_0(world, [&] { folder_ = std::make_unique<CheckpointFolder>(directory, keep, resumed); });
}

//! [10-save]
std::string Checkpoints::save(ProcessGrid& grid, const Trainer& trainer, const CheckpointInfo& info,
                              const Metrics& metrics) {
  std::string folder;
  if (folder_) folder = folder_->begin();
  folder = world_.gather_text(folder).front();
  Files files(folder, trainer.trained());
  if (folder_) {
    files.model.create();
    files.optimizer.create();
    replace_file(fs::path(folder) / "config.json", config_text(info));
    replace_file(fs::path(folder) / "training.json", training_text(info));
    for (const auto& [name, content] : info.tokenizer_files)
      replace_file(fs::path(folder) / name, content);
    replace_file(fs::path(folder) / metrics_name, metrics_text(metrics));
  }
  world_.barrier();  // the files are there
  files.model.open();
  files.optimizer.open();
  write_my_parts(files, grid, trainer.trained());
  files.model.close();
  files.optimizer.close();
  world_.barrier();  // all parts are on the disk
  std::string name;
  if (folder_) name = folder_->finish(info.step);
  return world_.gather_text(name).front();
}
//! [10-save]

std::vector<std::string> Checkpoints::warnings() {
  return folder_ ? folder_->warnings() : std::vector<std::string>();
}

fs::path latest_checkpoint(Communicator& world, const fs::path& path) {
  std::string found;
  on_rank_0(world, [&] { found = latest_checkpoint(path).string(); });
  return world.gather_text(found).front();
}

void load_checkpoint(const fs::path& checkpoint, Trainer& trainer, bool allow_nan) {
  const WeightsFile weights(checkpoint / "model.safetensors");
  const SafetensorsReader moments(checkpoint / "optimizer.safetensors");
  for (const auto& [parameter, weight, first, second] : trainer.trained()) {
    const auto& [name, shard] = std::tie(parameter->name, parameter->shard);
    set(weight, weights.part(name, shard, allow_nan));
    set(first, read_part(moments, name + ".first_moment", shard, allow_nan));
    set(second, read_part(moments, name + ".second_moment", shard, allow_nan));
  }
  trainer.round_weights();
}

}  // namespace shard
