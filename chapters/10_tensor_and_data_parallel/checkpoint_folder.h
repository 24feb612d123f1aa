// CheckpointFolder: a directory of checkpoints, of which one at least is always whole, whatever happens while the next is
// written. Files and names only; checkpoint.h knows what is in them.
//     DIR/.partial          a checkpoint being written
//     DIR/step-00000200     one that is complete: a folder gets this name last, by one rename
//     DIR/step-00000200-replaced   what had that name before, for the moment in which the new one takes it
//     DIR/latest            the name of the newest, replaced after that
//     DIR/.lock             held by the run that saves here
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace shard {

class CheckpointFolder {
 public:
  /// Makes the directory where it is missing, takes its lock, and removes what a killed run has left half done. Keeps
  /// the `keep` checkpoints that were written last. `resumed` is the checkpoint that the run goes on from, if any. Throws UsageError
  /// when the directory cannot be written to, another run saves there, or it holds checkpoints and `resumed` is none of
  /// them: nobody's work is removed for a run that only has the same directory.
  CheckpointFolder(std::filesystem::path directory, int64_t keep, const std::filesystem::path& resumed = {});
  ~CheckpointFolder();
  CheckpointFolder(const CheckpointFolder&) = delete;

  /// An empty folder to write the next checkpoint into.
  std::filesystem::path begin();
  /// What has been written there becomes the checkpoint of `step`, and the latest. Returns its folder. Throws Error when
  /// the disk fails; the checkpoints before stay as they are.
  std::filesystem::path finish(int64_t step);

 private:
  void remove(const std::filesystem::path& checkpoint) const;
  void remove_old() const;

  std::filesystem::path directory_;
  int64_t keep_;
  std::vector<int64_t> saved_;  // steps, in the order in which this run has saved them

  struct Lock {  // given back when the folder goes, also while it is being made
    int file = -1;
    ~Lock();
  } lock_;
};

/// The checkpoint that `path` means: the folder of one, or the latest in a directory of them (where nothing says which
/// that is, the one with most steps). Nothing when there is none.
std::filesystem::path latest_checkpoint(const std::filesystem::path& path);

/// Returns when a file or directory is on the disk. Throws Error, naming it.
void sync_to_disk(const std::filesystem::path& path);
/// Replaces `file` by one that holds `content`, never leaving half of it. Throws Error, naming it.
void replace_file(const std::filesystem::path& file, const std::string& content);

}  // namespace shard
