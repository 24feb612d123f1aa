// DirectoryLock: ensures that only one run at a time saves in a directory. The lock is on
// DIR/.lock, and is held during the lifetime of the object.
#pragma once
#include <filesystem>
#include <string>

namespace shard {

class DirectoryLock {
 public:
  /// Throws Error if another process holds the lock, or its file cannot be created.
  explicit DirectoryLock(const std::filesystem::path& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;

  /// The system's reason if the file system has no locks, so that no lock is held; else empty.
  const std::string& missing() const { return missing_; }

 private:
  int file_;
  std::string missing_;
};

}  // namespace shard
