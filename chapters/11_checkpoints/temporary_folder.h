// TemporaryFolder: a folder that all ranks know, for checkpoints that nobody keeps.
#pragma once
#include <string>

#include "common/comm/communicator.h"

namespace shard::chapter_11 {

class TemporaryFolder {
 public:
  /// Made by rank 0 in the build folder, which all hosts see. Throws UsageError on every rank where
  /// that fails. Collective.
  explicit TemporaryFolder(Communicator& world);
  ~TemporaryFolder();  // rank 0 removes it
  TemporaryFolder(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  bool mine_;
  std::string path_;
};

}  // namespace shard::chapter_11
