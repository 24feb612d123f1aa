// Random numbers as functions of (seed, stream, index). They have no state, so they depend neither
// on the rank nor on the order of calls. Philox4x32-10 (Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011) from the Random123 library.
#pragma once
#include <Random123/philox.h>

#include <cmath>
#include <cstdint>
#include <string_view>

namespace shard {

/// One independent sequence of random numbers. Usable on host and device.
struct RandomStream {
  uint64_t seed = 0;    // of the run: --seed
  uint64_t stream = 0;  // of the tensor, mask or batch: stream_of(its name)

  /// The four 32-bit words of block `block`: block b contains the indices 4b … 4b+3.
  R123_CUDA_DEVICE r123::Philox4x32::ctr_type words(uint64_t block) const {
    return r123::Philox4x32()(
        {{uint32_t(block), uint32_t(block >> 32), uint32_t(stream), uint32_t(stream >> 32)}},
        {{uint32_t(seed), uint32_t(seed >> 32)}});
  }

  /// The word of index `index`.
  R123_CUDA_DEVICE uint32_t word(uint64_t index) const {
    const auto w = words(index / 4);
    // not w[index % 4]: a GPU would write the words to memory, to read one of them
    const uint32_t first = index & 1 ? w[1] : w[0], second = index & 1 ? w[3] : w[2];
    return index & 2 ? second : first;
  }

  /// Number `index` of the sequence, uniform in [0, 1): a multiple of 2^-24.
  R123_CUDA_DEVICE float uniform(uint64_t index) const { return uniform_of(word(index)); }
  /// The same, computed from one of the words.
  R123_CUDA_DEVICE static float uniform_of(uint32_t word) {
    return static_cast<float>(word >> 8) * 0x1p-24f;
  }

  /// Number `index` of the sequence, standard normal: Box and Muller's √(-2 ln u)·cos(2πv), with u
  /// in (0, 1].
  float normal(uint64_t index) const {
    const auto w = words(index / 2);
    const int pair = static_cast<int>(index % 2) * 2;
    const double u = (w[pair] + 1.0) * 0x1p-32, v = w[pair + 1] * 0x1p-32;
    return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * M_PI * v));
  }

  /// Integer `index` of the sequence, uniform in 0 … bound-1 (64 random bits, so the bias is below
  /// bound·2^-64).
  uint64_t below(uint64_t bound, uint64_t index) const {
    const auto w = words(index);
    const uint64_t bits = uint64_t{w[0]} << 32 | w[1];
    return static_cast<uint64_t>(static_cast<unsigned __int128>(bits) * bound >> 64);
  }
};

/// The stream number of a name (64-bit FNV-1a): every tensor, mask and batch uses the stream of its
/// name.
constexpr uint64_t stream_of(std::string_view name) {
  uint64_t hash = 14695981039346656037ULL;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

/// A separate stream for each counter value (a step, a micro-batch) of a name.
constexpr uint64_t stream_of(std::string_view name, uint64_t counter) {
  return stream_of(name) ^ (counter + 1) * 0x9E3779B97F4A7C15ULL;
}

}  // namespace shard
