// An error ends the process: one sentence on stderr, exit status 1.
#pragma once
#include <cstdint>
#include <string>

#include "common/base/error.h"

namespace emulated_gpu {

using shard::text;

/// Reports what was running (a kernel with its block and thread, or a call of the API) and the
/// error `what`. Ends the process.
[[noreturn]] void fail(const std::string& what);

/// From now on an access to memory that is not accessible is explained. Called repeatedly, because
/// the program may have handlers of its own for the signal: other accesses are left to them.
void explain_faults();

/// The API call whose work is being done now, for messages.
class Doing {
 public:
  explicit Doing(const char* call);
  ~Doing();

 private:
  const char* before_;
};

/// A setting of the environment that is a whole number; `otherwise` where it is not set.
uint64_t setting(const char* name, uint64_t otherwise);

/// The name that the linker knows, mangled; "a kernel" if it is not found.
const char* symbol_name(const void* kernel);
/// "layer_norm_kernel<float>"
std::string kernel_name(const void* kernel);
/// "kernels.cuh" of "/home/…/kernels.cuh"
const char* file_name(const char* path);

}  // namespace emulated_gpu
