// A kernel's grid: blocks one after the other, and the threads of a block one after the other as
// far as each of them gets before it must wait for others.
#pragma once
#include <cuda_runtime.h>

#include <string>

namespace emulated_gpu {

constexpr int threads_of_block_at_most = 1024;
constexpr size_t shared_bytes_of_block_at_most = 48 << 10;

/// Runs all threads of the launch.
void run_grid(const Launch& launch);
/// The launch that is running, or nullptr.
const Launch* running_launch();
/// How many blocks have begun since the launch and how many barriers all threads of one have
/// passed: nothing orders the accesses of different threads at the same count.
unsigned phase();

/// Why an access to `address` is wrong, if it is a page next to a block's dynamic shared memory or
/// a thread's stack.
std::string explain_block_memory(const char* address);

}  // namespace emulated_gpu
