// What the GPU adds to the timeline (trace.h): marks in the compute stream, and ranges for NVIDIA's
// Nsight Systems.
#pragma once
#include <vector>

#include "common/comm/trace.h"
#include "common/cuda/stream.h"

namespace shard {

class CudaTrace : public TraceDevice {
 public:
  /// Waits for `stream` once, so that both clocks are read at one moment.
  explicit CudaTrace(cudaStream_t stream);
  ~CudaTrace() override { use_trace_device(nullptr); }

  void push_range(const char* name) override;
  void pop_range() override;
  int64_t mark() override;
  double moment_of(int64_t mark) override { return moment_of(marks_[static_cast<size_t>(mark)]); }
  /// The same for any timed event of this device.
  double moment_of(const Event& event) const {
    return start_on_host_ + event.seconds_since(start_);
  }

 private:
  cudaStream_t stream_;
  Event start_{true};
  double start_on_host_ = 0;
  std::vector<Event> marks_;
};

}  // namespace shard
