// DirectoryLock: one run at a time saves in a directory. Held on DIR/.lock for as long as the
// object lives.
#pragma once
#include <filesystem>
#include <string>

namespace shard {

class DirectoryLock {
 public:
  /// Throws Error when another process holds the lock, or its file cannot be made.
  explicit DirectoryLock(const std::filesystem::path& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;

  /// Why nothing is held where the file system has no locks: the system's reason, else nothing.
  const std::string& missing() const { return missing_; }

 private:
  int file_;
  std::string missing_;
};

}  // namespace shard
