#include "common/cuda/cuda_trace.h"

#include <nvtx3/nvToolsExt.h>

#include "common/base/clock.h"

namespace shard {

CudaTrace::CudaTrace(cudaStream_t stream) : stream_(stream) {
  start_.record(stream_);
  check_cuda(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
  start_on_host_ = now();
  use_trace_device(this);
}

void CudaTrace::push_range(const char* name) { nvtxRangePushA(name); }

void CudaTrace::pop_range() { nvtxRangePop(); }

int64_t CudaTrace::mark() {
  marks_.emplace_back(true).record(stream_);
  return std::ssize(marks_) - 1;
}

}  // namespace shard
