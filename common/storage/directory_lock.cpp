#include "common/storage/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.h"

namespace shard {

DirectoryLock::DirectoryLock(const std::filesystem::path& directory)
    : file_(open((directory / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  require(file_ >= 0, std::strerror(errno));
  if (flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) {
    missing_ = std::strerror(errno);
    return;
  }
  close(file_);
  throw Error("another run is saving there");
}

DirectoryLock::~DirectoryLock() { close(file_); }

}  // namespace shard
