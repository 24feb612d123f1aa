// HostTransfer: how tensors get to host memory and back, on a device whose memory the host cannot
// reach. What collectives by MPI stand on when ranks share a GPU.
#pragma once
#include <cstddef>
#include <functional>

namespace shard {

/// The copies between a device and the host that nobody waits for, in one line of their own.
class HostTransfer {
 public:
  /// Says whether the copies that were started before it have happened. To be asked again and
  /// again.
  using Mark = std::function<bool()>;

  virtual ~HostTransfer() = default;

  /// Host memory that the device reaches by itself (pinned). What is released is kept and given out
  /// again, so nothing may be under way to or from it. Throws Error when there is none.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* block,
                       size_t bytes) noexcept = 0;  // what allocate gave out for as many bytes

  // Copies run one after the other, beside what the device computes. None of these calls waits.
  virtual void to_host(void* host, const void* device,
                       size_t bytes) = 0;  // starts a copy from the device
  virtual void from_host(void* device, const void* host,
                         size_t bytes) = 0;  // starts a copy to the device
  virtual Mark mark() = 0;                   // behind the copies so far
  /// Copies from now on come after all that the device was given to compute until now.
  virtual void follow_compute() = 0;
};

}  // namespace shard
