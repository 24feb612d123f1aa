#include "common/base/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "common/base/error.h"

namespace shard {

void keep_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) != -1) continue;
    // open() returns the lowest free number.
    (void)!open(stream == STDOUT_FILENO ? "/dev/full" : "/dev/null", O_RDWR);
  }
}

void allow_open_files() {
  constexpr rlim_t needed = 40;  // Open MPI 4.1 starts a single rank with 32
  // Not the maximum: Open MPI closes every possible number when it starts a process.
  constexpr rlim_t plenty = 4096;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, plenty));
  setrlimit(RLIMIT_NOFILE, &limit);
  require_usage(limit.rlim_cur >= needed, "only ", limit.rlim_cur,
                " files may be open at once (ulimit -n); MPI needs ", needed);
}

void require_printed() {
  std::cout.flush();
  require(std::cout.good(),
          "some of the output is lost: standard output is closed, or its disk is full");
}

bool is_under_mpirun() { return std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr; }

}  // namespace shard
