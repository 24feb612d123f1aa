#include "common/base/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include "common/base/error.h"

namespace shard {

void require_memory(double bytes, const std::string& why) {
  const double memory =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  require_usage(bytes <= memory, why, " needs about ", bytes / 1e9, " GB; this machine has ",
                memory / 1e9, " GB");
}

int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace shard
