// Which memory a kernel's threads access.
#pragma once
#include <cstdint>
#include <vector>

namespace emulated_gpu {

struct MemoryAccess {
  const char* address;
  const void* instruction;
  unsigned phase;   // see phase() in runtime/grid.h
  uint16_t thread;  // in its block; 32 in a row are a warp
  uint8_t bytes;
  bool is_write : 1, is_global : 1;  // otherwise it is shared memory
};

/// The accesses of all kernels that run while it exists, in the order in which they take place. The
/// kernels must be compiled with recorded_kernel_options. Variables of a thread are left out.
class AccessRecord {
 public:
  AccessRecord();
  ~AccessRecord();
  AccessRecord(const AccessRecord&) = delete;

  std::vector<MemoryAccess> accesses;
};

}  // namespace emulated_gpu
