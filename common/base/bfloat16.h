// bfloat16: the upper half of a float, with its range and 8 bits of precision. The element type of
// bf16 tensors; sums are formed in float.
#pragma once
#include <bit>
#include <cstdint>

#include "common/base/formulas.h"

#ifdef __CUDA_ARCH__
#include <cuda_bf16.h>
#endif

namespace shard {

/// A number of 16 bits: sign, 8 bits of exponent, 7 of fraction (Kalamkar et al.,
/// arXiv:1905.12322).
struct BFloat16 {
  uint16_t bits;  // the upper half of the float's

  BFloat16() = default;
  /// Rounds to nearest, ties to even; NaN stays NaN.
  SHARD_HOST_DEVICE BFloat16(float value) {
#ifdef __CUDA_ARCH__
    bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
#else
    const auto whole = std::bit_cast<uint32_t>(value);
    const bool nan = (whole & 0x7FFFFFFFu) > 0x7F800000u;
    bits = static_cast<uint16_t>(nan ? whole >> 16 | 0x40u
                                     : (whole + 0x7FFFu + (whole >> 16 & 1u)) >> 16);
#endif
  }
  /// Exact.
  SHARD_HOST_DEVICE operator float() const {
#ifdef __CUDA_ARCH__
    return __bfloat162float(__ushort_as_bfloat16(bits));
#else
    return std::bit_cast<float>(uint32_t{bits} << 16);
#endif
  }
};

}  // namespace shard
