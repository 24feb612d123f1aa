#include "chapters/10_tensor_and_data_parallel/checkpoint_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <vector>

#include "common/error.h"

namespace shard {
namespace {

namespace fs = std::filesystem;

/// Throws Error with the system's reason.
void check_call(bool succeeded, const fs::path& path) {
  if (!succeeded) throw Error(text("cannot write ", path.string(), ": ", std::strerror(errno)));
}

std::string name_of(int64_t step) {
  std::ostringstream name;
  name << "step-" << std::setw(8) << std::setfill('0') << step;
  return name.str();
}

bool is_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "model.safetensors", ignored);
}

constexpr const char* partial_name = ".partial";
constexpr const char* replaced = "-replaced";  // behind the name of a checkpoint that gives way to a new one

}  // namespace

void sync_to_disk(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY);
  check_call(file >= 0, path);
  const bool synced = fsync(file) == 0;
  const int reason = errno;
  close(file);
  errno = reason;
  check_call(synced, path);
}

void replace_file(const fs::path& file, const std::string& content) {
  const fs::path partial = file.string() + ".partial";
  errno = EIO;
  check_call((std::ofstream(partial, std::ios::binary) << content << std::flush).good(), partial);
  sync_to_disk(partial);
  check_call(std::rename(partial.c_str(), file.c_str()) == 0, file);
}

CheckpointFolder::CheckpointFolder(fs::path directory, int64_t keep) : directory_(std::move(directory)), keep_(keep) {
  std::error_code failed;
  fs::create_directories(directory_, failed);
  require_usage(!failed, "--save ", directory_.string(), ": ", failed.message());
  lock_ = open((directory_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  require_usage(lock_ >= 0, "--save ", directory_.string(), ": ", std::strerror(errno));
  require_usage(flock(lock_, LOCK_EX | LOCK_NB) == 0, "--save ", directory_.string(), ": another run saves there");
  fs::remove_all(directory_ / partial_name, failed);  // of a run that was killed
}

CheckpointFolder::~CheckpointFolder() {
  std::error_code ignored;
  fs::remove_all(directory_ / partial_name, ignored);  // of a save that failed: it may fill the disk
  close(lock_);
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
  const fs::path partial = directory_ / partial_name, folder = directory_ / name_of(step);
  sync_to_disk(partial);
  if (fs::exists(folder)) {
    check_call(std::rename(folder.c_str(), (folder.string() + replaced).c_str()) == 0, folder);
  }
  check_call(std::rename(partial.c_str(), folder.c_str()) == 0, folder);
  sync_to_disk(directory_);
  replace_file(directory_ / "latest", name_of(step) + "\n");
  sync_to_disk(directory_);
  remove_old();
  return folder;
}

/// A folder first gets another name, so that a checkpoint is never half there under its own.
void CheckpointFolder::remove(const fs::path& checkpoint) const {
  const fs::path partial = directory_ / partial_name;
  check_call(std::rename(checkpoint.c_str(), partial.c_str()) == 0, checkpoint);
  std::error_code failed;
  fs::remove_all(partial, failed);
  require(!failed, "cannot remove ", partial.string(), ": ", failed.message());
}

void CheckpointFolder::remove_old() const {
  std::vector<fs::path> checkpoints;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    if (!entry.path().filename().string().starts_with("step-") || !is_checkpoint(entry.path())) continue;
    entry.path().string().ends_with(replaced) ? remove(entry.path()) : checkpoints.push_back(entry.path());
  }
  std::sort(checkpoints.begin(), checkpoints.end());
  const fs::path latest = find_checkpoint(directory_);
  for (int64_t i = 0; i < std::ssize(checkpoints) - keep_; ++i) {
    const fs::path& old = checkpoints[static_cast<size_t>(i)];
    if (old != latest) remove(old);  // after a restart from an earlier step the newest is not the last
  }
}

fs::path find_checkpoint(const fs::path& path) {
  if (is_checkpoint(path)) return path;
  std::string name;
  std::getline(std::ifstream(path / "latest"), name);
  if (name.empty()) name = ".";                                                 // which is no checkpoint
  for (const fs::path& checkpoint : {path / name, path / (name + replaced)}) {  // the latter while it gives way
    if (is_checkpoint(checkpoint)) return checkpoint;
  }
  throw UsageError("there is no checkpoint in " + path.string());
}

}  // namespace shard
