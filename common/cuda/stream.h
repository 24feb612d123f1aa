// Streams and events with one owner. A stream is a queue of work for the GPU; an event is a mark in
// it.
#pragma once
#include <utility>

#include "common/cuda/check.h"

namespace shard {

class Event {
 public:
  /// `timed`: usable for elapsed times, too.
  explicit Event(bool timed = false) {
    check_cuda(cudaEventCreateWithFlags(&event_, timed ? cudaEventDefault : cudaEventDisableTiming),
               "cudaEventCreateWithFlags");
  }
  ~Event() {
    if (event_ != nullptr) cudaEventDestroy(event_);
  }
  Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }

  void record(cudaStream_t stream) {
    check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord");
  }
  /// What comes later in `stream` waits for what was before the mark. The host does not wait.
  void order_before(cudaStream_t stream) const {
    check_cuda(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
  }
  bool has_happened() const {
    const cudaError_t state = cudaEventQuery(event_);
    if (state != cudaErrorNotReady) check_cuda(state, "cudaEventQuery");
    return state == cudaSuccess;
  }
  /// Seconds from `earlier` to this event; both are timed and have happened.
  double seconds_since(const Event& earlier) const {
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, earlier.event_, event_), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

class Stream {
 public:
  enum class Priority { normal, high };
  explicit Stream(Priority priority) {
    int least = 0, greatest = 0;
    check_cuda(cudaDeviceGetStreamPriorityRange(&least, &greatest),
               "cudaDeviceGetStreamPriorityRange");
    check_cuda(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking,
                                            priority == Priority::high ? greatest : least),
               "cudaStreamCreateWithPriority");
  }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// What comes into `second` from now on waits for all that is in `first` now. The host does not
/// wait.
inline void order(cudaStream_t first, cudaStream_t second) {
  Event now;  // CUDA lets an event be destroyed before it has happened
  now.record(first);
  now.order_before(second);
}

}  // namespace shard
