#include "chapters/10_tensor_and_data_parallel/checkpoint_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <map>

#include "common/error.h"
#include "common/files.h"

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

/// The checkpoints of a directory, by their steps: what is named as finish() names it, and then `suffix`. What has another
/// name is somebody's own.
std::map<int64_t, fs::path> checkpoints_in(const fs::path& directory, const std::string& suffix = "") {
  std::map<int64_t, fs::path> checkpoints;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed)) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    if (std::sscanf(name.c_str(), "step-%18" SCNd64, &step) != 1 || name != name_of(step) + suffix) continue;
    if (is_checkpoint(entry.path())) checkpoints[step] = entry.path();
  }
  return checkpoints;
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

CheckpointFolder::CheckpointFolder(fs::path directory, int64_t keep, const fs::path& resumed)
    : directory_(std::move(directory)), keep_(keep) {
  const std::string save = "--save " + directory_.string() + ": ";
  std::error_code failed;
  fs::create_directories(directory_, failed);
  require_usage(!failed, save, failed.message());
  require_usage(!is_checkpoint(directory_), save, "this is a checkpoint; name the directory that holds it");
  lock_.file = open((directory_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  require_usage(lock_.file >= 0, save, std::strerror(errno));
  require_usage(flock(lock_.file, LOCK_EX | LOCK_NB) == 0, save, "another run saves there");
  fs::remove_all(directory_ / partial_name, failed);                     // of a run that was killed
  if (!failed) fs::create_directory(directory_ / partial_name, failed);  // so that the first save will not fail
  if (!failed) fs::remove(directory_ / partial_name, failed);
  require_usage(!failed, save, failed.message());
  auto there = checkpoints_in(directory_);
  for (const auto& [step, old] : checkpoints_in(directory_, replaced)) {
    if (!there.emplace(step, old).second) remove(old);
  }
  const bool goes_on = !resumed.empty() && fs::equivalent(fs::canonical(resumed).parent_path(), directory_);
  require_usage(there.empty() || goes_on, save, "there are checkpoints of another run, of up to ",
                there.empty() ? 0 : there.rbegin()->first, " steps; --resume latest goes on from there");
}

CheckpointFolder::~CheckpointFolder() {
  std::error_code ignored;
  fs::remove_all(directory_ / partial_name, ignored);  // of a save that failed: it may fill the disk
}

CheckpointFolder::Lock::~Lock() {
  if (file >= 0) close(file);
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
  std::erase(saved_, step);
  saved_.push_back(step);
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

/// What this run has not saved is older than what it has. After a restart from an earlier step the newest is not the one
/// with most steps.
void CheckpointFolder::remove_old() const {
  for (const auto& [step, old] : checkpoints_in(directory_, replaced)) {
    const fs::path folder = directory_ / name_of(step);
    is_checkpoint(folder) ? remove(old) : fs::rename(old, folder);  // the latter where a run was killed in between
  }
  auto older = checkpoints_in(directory_);
  std::vector<fs::path> by_age;
  for (int64_t step : saved_) older.erase(step);
  for (const auto& [step, folder] : older) by_age.push_back(folder);
  for (int64_t step : saved_) by_age.push_back(directory_ / name_of(step));
  for (int64_t i = 0; i < std::ssize(by_age) - keep_; ++i) {
    if (is_checkpoint(by_age[static_cast<size_t>(i)])) remove(by_age[static_cast<size_t>(i)]);
  }
}

/// The name in the file, or nothing.
static std::string latest_in(const fs::path& directory) {
  constexpr int64_t longest = 4096;
  const fs::path file = directory / "latest";
  if (!fs::exists(file)) return "";
  const std::string content = read_file(file, longest);
  const std::string line = content.substr(0, content.find('\n'));
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);  // as some editors leave it
}

fs::path latest_checkpoint(const fs::path& path) {
  if (is_checkpoint(path)) return path;
  if (const std::string name = latest_in(path); !name.empty()) {
    for (const fs::path& checkpoint : {path / name, path / (name + replaced)}) {  // the latter while it gives way
      if (is_checkpoint(checkpoint)) return checkpoint;
    }
  }
  auto checkpoints = checkpoints_in(path);
  checkpoints.merge(checkpoints_in(path, replaced));
  return checkpoints.empty() ? fs::path() : checkpoints.rbegin()->second;
}

}  // namespace shard
