// CheckpointFolder: a directory of checkpoints, of which one at least is always whole, whatever
// happens while the next is written. Files and names only; checkpoint.h knows what is in them.
//     DIR/.partial          a checkpoint being written
//     DIR/step-00000200     one that is complete: a folder gets this name last, by one rename
//     DIR/step-00000200-replaced   the one that had that name before, until the new one has it
//     DIR/.removed-…        one that is being removed
//     DIR/latest            the name of the newest, replaced after that
//     DIR/.lock             held by the run that saves here
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "chapters/11_checkpoints/checkpoint_names.h"
#include "common/storage/directory_lock.h"

namespace shard {

class CheckpointFolder {
 public:
  /// Makes the directory where it is missing, takes its lock, removes what a killed run has left
  /// half done, and tries all that a save needs. Keeps the `keep` checkpoints that were written
  /// last. `resumed` is the checkpoint that the run goes on from, if any. Throws UsageError when
  /// the directory cannot be written to, another run saves there, or it holds checkpoints and
  /// `resumed` is none of them: nobody's work is removed for a run that only has the same
  /// directory.
  CheckpointFolder(std::filesystem::path directory, int64_t keep,
                   const std::filesystem::path& resumed = {});
  ~CheckpointFolder();
  CheckpointFolder(const CheckpointFolder&) = delete;

  /// An empty folder to write the next checkpoint into.
  std::filesystem::path begin();
  /// What has been written there becomes the checkpoint of `step`, and the latest. Returns its
  /// folder. Throws Error when the disk fails; the checkpoints before stay as they are.
  std::filesystem::path finish(int64_t step);

  /// What the user should know since the last call, each thing once: what this file system cannot
  /// do, and old checkpoints that cannot be removed.
  std::vector<std::string> warnings();

 private:
  void prepare(const std::filesystem::path& resumed);
  void try_out();
  void sync(const std::filesystem::path& path);
  std::filesystem::path free_name(int64_t step);
  void remove(const std::filesystem::path& checkpoint);
  void remove_old();
  void warn(const std::string& warning);

  std::filesystem::path directory_;
  int64_t keep_;
  std::vector<int64_t> saved_;  // steps, in the order in which this run has saved them
  std::set<std::string> said_;
  std::vector<std::string> warnings_;  // of those, what nobody has asked for yet
  std::optional<DirectoryLock> lock_;
};

}  // namespace shard
