#include "common/base/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "common/base/error.h"
#include "common/base/process.h"

namespace shard {
namespace {

/// An open file whose properties are queried.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : file_(open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (file_ >= 0) close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  int get() const { return file_; }

 private:
  int file_;
};

std::string output_of_parent() { return text("/proc/", getppid(), "/fd/1"); }

size_t columns_of(int file) {
  winsize size{};
  return file >= 0 && ioctl(file, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

bool prints_to_terminal() {
  // Set by ./learn, which also copies the output to a file.
  if (std::getenv("SHARD_TERMINAL") != nullptr) return true;
  if (isatty(STDOUT_FILENO) == 0) return false;
  return !is_under_mpirun() || isatty(OpenFile(output_of_parent()).get()) == 1;
}

size_t terminal_columns() {
  size_t columns =
      columns_of(is_under_mpirun() ? OpenFile(output_of_parent()).get() : STDOUT_FILENO);
  if (columns == 0)
    columns = columns_of(OpenFile("/dev/tty").get());  // output to a pipe, as under ./learn
  if (columns > 0) return columns;
  const char* said = std::getenv("COLUMNS");
  return said != nullptr && std::atoi(said) > 0 ? static_cast<size_t>(std::atoi(said)) : 80;
}

}  // namespace shard
