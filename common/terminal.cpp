#include "common/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "common/error.h"
#include "common/mpi/session.h"

namespace shard {

bool prints_to_terminal() {
  if (std::getenv("SHARD_TERMINAL") != nullptr) return true;  // ./learn says so: it copies the output to a file, too
  if (isatty(STDOUT_FILENO) == 0) return false;
  if (!MpiSession::is_under_mpirun()) return true;
  const int output = open(text("/proc/", getppid(), "/fd/1").c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  const bool terminal = output >= 0 && isatty(output) == 1;
  if (output >= 0) close(output);
  return terminal;
}

}  // namespace shard
