// A library for LD_PRELOAD: a file system that lacks what POOR_FILE_SYSTEM names, as in "flock=37
// sync=22", where 37 is the errno that the call ends with.
//     flock     no locks
//     sync      directories cannot be synced
//     rename    a checkpoint cannot be renamed
//     remove    nothing in a checkpoint can be removed
//     allocate  space cannot be reserved
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

/// The errno that a call ends with; 0 where it is there.
int lacks(const char* call) {
  const char* all = std::getenv("POOR_FILE_SYSTEM");
  const char* found = all == nullptr ? nullptr : std::strstr(all, call);
  return found == nullptr ? 0 : std::atoi(found + std::strlen(call) + 1);
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int fail(int reason) {
  errno = reason;
  return -1;
}

bool is_of_a_checkpoint(const char* path) { return std::strstr(path, "/step-") != nullptr; }

bool is_a_checkpoint(const std::string& path) { return path.find("/step-") == path.rfind('/'); }

}  // namespace

extern "C" {

int flock(int file, int operation) {
  const int reason = lacks("flock");
  return reason != 0 ? fail(reason) : real<int(int, int)>("flock")(file, operation);
}

int fsync(int file) {
  struct stat status {};
  const bool directory = fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
  const int reason = directory ? lacks("sync") : 0;
  return reason != 0 ? fail(reason) : real<int(int)>("fsync")(file);
}

int rename(const char* from, const char* to) {
  const int reason = is_a_checkpoint(from) ? lacks("rename") : 0;
  return reason != 0 ? fail(reason) : real<int(const char*, const char*)>("rename")(from, to);
}

int remove(const char* path) {
  const int reason = is_of_a_checkpoint(path) || std::strstr(path, "/.removed-step-") != nullptr
                         ? lacks("remove")
                         : 0;
  return reason != 0 ? fail(reason) : real<int(const char*)>("remove")(path);
}

int posix_fallocate(int file, off_t begin, off_t length) {
  const int reason = lacks("allocate");
  return reason != 0 ? reason
                     : real<int(int, off_t, off_t)>("posix_fallocate")(file, begin, length);
}

int posix_fallocate64(int file, off_t begin, off_t length) {
  return posix_fallocate(file, begin, length);
}
}
