// Instructions that CUDA C++ has no functions for: a warp's matrix products on tensor cores, the
// loads that give each thread its part of a matrix, and copies to shared memory that go on while
// the thread computes. PTX ISA 8.0, sections on mma, ldmatrix, cp.async and ex2; they need compute
// capability 8.0, which is also what bf16 needs.
//
// The 32 threads of a warp hold a matrix together. With g = lane / 4 and t = lane % 4:
//   A 16 × 16, bf16   a0: A[g][2t, 2t+1]    a1: A[g+8][2t, 2t+1]    a2, a3: the same, columns + 8
//   B 16 × 8,  bf16   b0: B[2t, 2t+1][g]    b1: B[2t+8, 2t+9][g]
//   C 16 × 8,  f32    c0, c1: C[g][2t, 2t+1]            c2, c3: C[g+8][2t, 2t+1]
// a and b are words of two bf16, the one with the smaller index in the lower half. Two C that are
// neighbours in a row are, rounded to bf16, an A.
#pragma once
#include <cuda_runtime.h>

#include "common/base/bfloat16.h"

// A build for an older GPU, which computes in f32 only, has the kernels but does not start them.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define SHARD_PTX(...) __trap()
#else
#define SHARD_PTX(...) asm volatile(__VA_ARGS__)
#endif

namespace shard {

#ifdef SHARD_EMULATED_GPU

using emulated_gpu::commit_copies;
using emulated_gpu::copy_async;
using emulated_gpu::load_matrices;
using emulated_gpu::mma;
template <int groups_left>
void wait_for_copies() {
  emulated_gpu::wait_for_copies(groups_left);
}

#else

/// C += A·B. All threads of the warp must call it, as also load_matrices.
inline __device__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  SHARD_PTX(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Loads four 8 × 8 matrices of bf16 from shared memory. Lane l gives the address of row l % 8 of
/// matrix l / 8: 16 bytes, at a multiple of 16. It gets in to[m] two elements of matrix m: columns
/// 2t and 2t+1 of row g; or, transposed, rows 2t and 2t+1 of column g.
template <bool transposed = false>
__device__ void load_matrices(uint32_t (&to)[4], const void* row) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (transposed) {
    SHARD_PTX("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
              : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
              : "r"(address)
              : "memory");
  } else {
    SHARD_PTX("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
              : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
              : "r"(address)
              : "memory");
  }
}

/// Starts to copy 16 bytes from global to shared memory, or zeros if not `valid`: `from` must be an
/// address in global memory all the same. Both addresses are multiples of 16.
inline __device__ void copy_async(void* to, const void* from, bool valid) {
  SHARD_PTX("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                static_cast<uint32_t>(__cvta_generic_to_shared(to))),
            "l"(from), "r"(valid ? 16 : 0)
            : "memory");
}

/// This thread's copies since its last commit become a group, which may be empty.
inline __device__ void commit_copies() { SHARD_PTX("cp.async.commit_group;" ::: "memory"); }

/// Waits until no more than the last `groups_left` of this thread's groups are under way. A barrier
/// must follow before other threads read what was copied. A thread waits for all before it ends.
template <int groups_left>
__device__ void wait_for_copies() {
  SHARD_PTX("cp.async.wait_group %0;" ::"n"(groups_left) : "memory");
}

#endif

/// Two floats, rounded to bf16, in a word: the first one in the lower half.
inline __device__ uint32_t pack(float lower, float upper) {
#ifdef __CUDA_ARCH__
  const __nv_bfloat162 both = __floats2bfloat162_rn(lower, upper);  // one instruction
  return reinterpret_cast<const uint32_t&>(both);
#else
  return BFloat16(lower).bits | uint32_t{BFloat16(upper).bits} << 16;
#endif
}

/// 2ˣ, with a relative error of 2⁻²²; 0 for -∞.
inline __device__ float exp2_approximate(float x) {
#ifdef __CUDA_ARCH__
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#else
  return std::exp2(x);
#endif
}

}  // namespace shard
