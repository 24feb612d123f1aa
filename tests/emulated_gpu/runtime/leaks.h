// Leaks: what a successful process has not released on the emulated GPU is reported, with exit
// status 1.
#pragma once
#include <cstddef>

namespace emulated_gpu {

/// Checked from the first call on. A process that ends with a status other than 0 is not checked.
void report_leaks_at_exit();

size_t live_cublas_handles();
size_t live_cublas_lt_objects();
size_t live_nccl_communicators();
size_t live_ranges();

}  // namespace emulated_gpu
