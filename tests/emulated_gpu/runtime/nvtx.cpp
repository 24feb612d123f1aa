#include <nvtx3/nvToolsExt.h>

#include "fault.h"
#include "leaks.h"

static int depth = 0;

namespace emulated_gpu {
size_t live_ranges() { return static_cast<size_t>(depth); }
}  // namespace emulated_gpu

using namespace emulated_gpu;

/// Returns how many ranges the new one is in.
int nvtxRangePushA(const char* name) {
  if (name == nullptr || *name == '\0') fail("nvtxRangePushA: a range without a name");
  report_leaks_at_exit();
  return depth++;
}

int nvtxRangePop() {
  if (depth == 0) fail("nvtxRangePop: there is no range to end");
  return --depth;
}
