// HostTransfer: how tensors get to host memory and back, on a device whose memory the host cannot
// reach. Collectives by MPI use it when ranks share a GPU.
#pragma once
#include <cstddef>
#include <functional>

namespace shard {

/// Asynchronous copies between a device and the host, in a queue of their own.
class HostTransfer {
 public:
  /// Tells whether the copies that were started before it are complete. May be polled.
  using Mark = std::function<bool()>;

  virtual ~HostTransfer() = default;

  /// Host memory that the device reaches by itself (pinned). Released blocks are kept and reused,
  /// so no copy to or from them may be under way. Throws Error when memory is exhausted.
  virtual void* allocate(size_t bytes) = 0;
  // a block from allocate, with its bytes
  virtual void release(void* block, size_t bytes) noexcept = 0;

  // Copies run in order, concurrently with the device's computations. None of these calls waits.
  // starts a copy from the device
  virtual void to_host(void* host, const void* device, size_t bytes) = 0;
  // starts a copy to the device
  virtual void from_host(void* device, const void* host, size_t bytes) = 0;
  virtual Mark mark() = 0;  // after the copies so far
  /// Later copies wait for all computations that were given to the device before this call.
  virtual void follow_compute() = 0;
};

}  // namespace shard
