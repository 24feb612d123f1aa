#include "common/storage/durable.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "common/base/error.h"

namespace shard {

namespace fs = std::filesystem;

/// Throws Error with the system's reason.
static void check_call(bool succeeded, const fs::path& path) {
  if (!succeeded) throw Error(text("cannot write ", path.string(), ": ", std::strerror(errno)));
}

/// Whether `reason` (an errno) means that the call is not supported, rather than that it failed.
static bool is_missing(int reason) {
  return reason == EINVAL || reason == ENOSYS || reason == ENOTSUP || reason == EOPNOTSUPP ||
         reason == EBADF || reason == EACCES || reason == EPERM;
}

bool sync_to_disk(int file) {
  int failed = 0;
  do failed = fsync(file);
  while (failed != 0 && errno == EINTR);
  if (failed == 0) return true;
  if (!is_missing(errno)) throw Error(std::strerror(errno));
  return false;
}

bool sync_to_disk(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && is_missing(errno)) return false;
  check_call(file >= 0, path);
  try {
    const bool synced = sync_to_disk(file);
    close(file);
    return synced;
  } catch (const Error& error) {
    close(file);
    throw Error(text("cannot write ", path.string(), ": ", error.what()));
  }
}

void replace_file(const fs::path& file, const std::string& content) {
  const fs::path partial = file.string() + ".partial";
  errno = EIO;
  check_call((std::ofstream(partial, std::ios::binary) << content << std::flush).good(), partial);
  sync_to_disk(partial);
  check_call(std::rename(partial.c_str(), file.c_str()) == 0, file);
}

}  // namespace shard
