// A kernel's grid: blocks one after the other, and the threads of a block one after the other as
// far as each of them gets before it must wait for others.
#pragma once
#include <cuda_runtime.h>

#include <string>

namespace emulated_gpu {

constexpr int threads_of_block_at_most = 1024;

// Dynamic shared memory of a block: what every kernel may have; and what it may have after
// cudaFuncSetAttribute, as on GPUs of compute capability 8.6 and 8.9, which have the least of all
// that compute in bf16 (CUDA C++ Programming Guide, table of technical specifications).
constexpr size_t shared_bytes_by_default = 48 << 10;
constexpr size_t shared_bytes_of_block_at_most = 99 << 10;

/// Runs all threads of the launch.
void run_grid(const Launch& launch);
/// Ends the process: what a warp's operation or a copy at this place was given is wrong.
[[noreturn]] void fail_at(const char* operation, Location where, const std::string& what);
/// The launch that is running, or nullptr.
const Launch* running_launch();
/// How many blocks have begun since the launch and how many barriers all threads of one have
/// passed: nothing orders the accesses of different threads at the same count.
unsigned phase();

/// Why an access to `address` is wrong, if it is a page next to a block's dynamic shared memory or
/// a thread's stack.
std::string explain_block_memory(const char* address);

}  // namespace emulated_gpu
