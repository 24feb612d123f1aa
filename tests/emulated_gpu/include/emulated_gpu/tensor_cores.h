// What a warp's tensor cores do, and the loads and copies that bring them their operands: the
// emulated forms of the instructions in common/cuda/mma.cuh, where they are described.
#pragma once
#include "device_functions.h"

namespace emulated_gpu {

void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
         Location where = Location::current());
template <bool transposed = false>
void load_matrices(uint32_t (&to)[4], const void* row, Location where = Location::current());

void copy_async(void* to, const void* from, bool valid, Location where = Location::current());
void commit_copies();
void wait_for_copies(int groups_left);

}  // namespace emulated_gpu
