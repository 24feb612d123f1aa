// Copies to the GPU that the host does not wait for: token ids and the like, while earlier work
// still runs.
#pragma once
#include <array>
#include <cstring>

#include "common/cuda/stream.h"

namespace shard {

/// A ring of slots in page-locked memory: what the GPU copies from is not the caller's memory,
/// which may change at once.
class SmallUploads {
 public:
  static constexpr size_t slot_bytes = 1 << 20;  // the longest copy

  SmallUploads() {
    check_cuda(cudaHostAlloc(&memory_, slots * slot_bytes, cudaHostAllocDefault), "cudaHostAlloc");
  }
  ~SmallUploads() { cudaFreeHost(memory_); }
  SmallUploads(const SmallUploads&) = delete;

  /// In the order of `stream`. If all slots are in use, the oldest is waited for, by wait(its
  /// event).
  template <class Wait>
  void copy(void* device, const void* host, size_t bytes, cudaStream_t stream, const Wait& wait) {
    const size_t slot = next_++ % slots;
    if (!copied_[slot].has_happened()) wait(copied_[slot]);
    void* const staged = static_cast<std::byte*>(memory_) + slot * slot_bytes;
    std::memcpy(staged, host, bytes);
    check_cuda(cudaMemcpyAsync(device, staged, bytes, cudaMemcpyHostToDevice, stream),
               "cudaMemcpyAsync");
    copied_[slot].record(stream);
  }

 private:
  static constexpr size_t slots = 8;
  void* memory_ = nullptr;
  std::array<Event, slots> copied_;  // an event that was never recorded has happened
  size_t next_ = 0;
};

}  // namespace shard
