#include "chapters/11_checkpoints/checkpoint_folder.h"

#include <utility>

#include "common/base/counted.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/storage/durable.h"

namespace shard {
namespace {

namespace fs = std::filesystem;

constexpr const char* partial_name = ".partial";
constexpr const char* removed = ".removed-";  // before the name of one that is being removed

void rename_or_throw(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  require(!failed, "cannot rename ", from.string(), ": ", failed.message());
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path directory, int64_t keep, const fs::path& resumed)
    : directory_(std::move(directory)), keep_(keep) {
  try {
    prepare(resumed);
  } catch (const std::exception& error) {
    throw UsageError(text("--save ", directory_.string(), ": ", error.what()));
  }
}

void CheckpointFolder::prepare(const fs::path& resumed) {
  std::error_code failed;
  fs::create_directories(directory_, failed);
  require(!failed, failed.message());
  require(!is_checkpoint(directory_), "this is a checkpoint; name the directory that holds it");
  lock_.emplace(directory_);
  auto there = checkpoints_in(directory_);
  there.merge(checkpoints_in(directory_, replaced));
  const bool goes_on =
      !resumed.empty() && fs::equivalent(fs::canonical(resumed).parent_path(), directory_);
  require(there.empty() || goes_on, "there are checkpoints of another run, of up to ",
          counted(there.empty() ? 0 : there.rbegin()->first, "step"),
          "; --resume latest continues from there");
  try_out();
  if (!lock_->missing().empty()) {
    warn(text("--save ", directory_.string(), ": its file system has no locks (", lock_->missing(),
              "), so nothing keeps another run from saving there"));
  }
  for (const auto& [step, old] : checkpoints_in(directory_, replaced)) {
    if (is_checkpoint(directory_ / checkpoint_name(step))) remove(old);
  }
}

/// Does once what a save does: what this file system cannot do is found before any training is
/// lost.
void CheckpointFolder::try_out() {
  const fs::path partial = begin(), other = directory_ / (std::string(removed) + "trial");
  sync(partial);
  rename_or_throw(partial, other);
  for (const auto& entry : fs::directory_iterator(directory_)) {
    std::error_code ignored;
    if (entry.path().filename().string().starts_with(removed))
      fs::remove_all(entry.path(), ignored);
  }
  const fs::path latest = directory_ / "latest", trial = directory_ / ".trial";
  if (fs::exists(latest)) return replace_file(latest, read_file(latest));
  for (int times = 0; times < 2; ++times) replace_file(trial, "");
  fs::remove(trial);
}

CheckpointFolder::~CheckpointFolder() {
  std::error_code ignored;
  fs::remove_all(directory_ / partial_name,
                 ignored);  // of a save that failed: it may fill the disk
}

fs::path CheckpointFolder::begin() {
  const fs::path partial = directory_ / partial_name;
  std::error_code failed;
  fs::remove_all(partial, failed);
  if (!failed) fs::create_directory(partial, failed);
  require(!failed, "cannot write ", partial.string(), ": ", failed.message());
  return partial;
}

fs::path CheckpointFolder::finish(int64_t step) {
  const fs::path partial = directory_ / partial_name, folder = free_name(step);
  sync(partial);
  rename_or_throw(partial, folder);
  sync(directory_);
  replace_file(directory_ / "latest", folder.filename().string() + "\n");
  sync(directory_);
  std::erase(saved_, step);
  saved_.push_back(step);
  remove_old();
  return folder;
}

void CheckpointFolder::sync(const fs::path& path) {
  if (!sync_to_disk(path)) {
    warn(text("--save ", directory_.string(),
              ": its file system cannot sync a directory, so after a power failure the ",
              "newest checkpoint may be missing"));
  }
}

/// The name of a step's checkpoint. What has it gives way; what cannot leaves the name with a
/// number to the new one.
fs::path CheckpointFolder::free_name(int64_t step) {
  const fs::path folder = directory_ / checkpoint_name(step);
  if (!fs::exists(folder)) return folder;
  std::error_code failed;
  fs::rename(folder, folder.string() + replaced, failed);
  if (!failed) return folder;
  int number = 2;
  while (fs::exists(text(folder.string(), "-", number))) ++number;
  const fs::path numbered = text(folder.string(), "-", number);
  warn(text(folder.string(), " cannot be renamed: ", failed.message(),
            "; the new checkpoint of this step is ", numbered.string()));
  return numbered;
}

/// A folder first gets another name, so that a checkpoint is never half there under its own. Where
/// it cannot, the file without which it is none goes first.
void CheckpointFolder::remove(const fs::path& checkpoint) {
  fs::path going = directory_ / (removed + checkpoint.filename().string());
  std::error_code failed;
  fs::rename(checkpoint, going, failed);
  if (failed) going = checkpoint;
  fs::remove(going / "model.safetensors", failed);
  if (!failed) fs::remove_all(going, failed);
  if (failed) warn(text(going.string(), " cannot be removed: ", failed.message(), "; it stays"));
}

/// What this run has not saved is older than what it has. After a restart from an earlier step the
/// newest is not the one with most steps.
void CheckpointFolder::remove_old() try {
  for (const auto& [step, old] : checkpoints_in(directory_, replaced)) {
    const fs::path folder = directory_ / checkpoint_name(step);
    is_checkpoint(folder) ? remove(old)
                          : rename_or_throw(old, folder);  // the latter after a run that was killed
  }
  auto older = checkpoints_in(directory_);
  std::vector<fs::path> by_age;
  for (int64_t step : saved_) older.erase(step);
  for (const auto& [step, folder] : older) by_age.push_back(folder);
  for (int64_t step : saved_) by_age.push_back(directory_ / checkpoint_name(step));
  for (int64_t i = 0; i < std::ssize(by_age) - keep_; ++i) {
    if (is_checkpoint(by_age[static_cast<size_t>(i)])) remove(by_age[static_cast<size_t>(i)]);
  }
} catch (const std::exception& error) {
  warn(text("old checkpoints stay: ", error.what()));
}

void CheckpointFolder::warn(const std::string& warning) {
  if (said_.insert(warning).second) warnings_.push_back(warning);
}

std::vector<std::string> CheckpointFolder::warnings() { return std::exchange(warnings_, {}); }

}  // namespace shard
