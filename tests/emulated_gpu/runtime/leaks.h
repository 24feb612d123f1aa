// What the process has taken from the emulated GPU and not given back when it ends well: said, and
// exit status 1.
#pragma once
#include <cstddef>

namespace emulated_gpu {

/// From the first call on. A process that ends with a status other than 0 has other worries and is
/// left alone.
void report_leaks_at_exit();

size_t live_cublas_handles();
size_t live_nccl_communicators();
size_t live_ranges();

}  // namespace emulated_gpu
