// Events: marks in streams.
#include <chrono>
#include <set>

#include "leaks.h"
#include "stream.h"

using namespace emulated_gpu;

namespace {

/// One recording of an event. Who waits for it does not care if the event is recorded anew
/// meanwhile.
struct Mark {
  Stream stream;
  uint64_t ticket = 0;
  std::chrono::steady_clock::time_point time{};
  bool reached() const { return stream->advance(ticket); }
};

std::set<cudaEvent_t>& events() {
  static auto& all = *new std::set<cudaEvent_t>;
  return all;
}

bool exists(cudaEvent_t event) { return events().contains(event); }

}  // namespace

struct CUevent_st {
  bool timed = true;
  std::shared_ptr<Mark> mark;
};

namespace emulated_gpu {
size_t live_events() { return events().size(); }
}  // namespace emulated_gpu

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  if (event == nullptr) return returned(cudaErrorInvalidValue);
  report_leaks_at_exit();
  *event = new CUevent_st{.timed = (flags & cudaEventDisableTiming) == 0, .mark = nullptr};
  events().insert(*event);
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (events().erase(event) == 0) return returned(cudaErrorInvalidResourceHandle);
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (!exists(event) || stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  auto mark = std::make_shared<Mark>(Mark{.stream = stream});
  enqueue(stream, [weak = std::weak_ptr<Mark>(mark)] {
    if (const auto reached = weak.lock()) reached->time = std::chrono::steady_clock::now();
    return true;
  });
  mark->ticket = stream->enqueued();
  event->mark = std::move(mark);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned int) {
  const Stream stream = find_stream(handle);
  if (!exists(event) || stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  if (event->mark != nullptr && event->mark->stream != stream) {
    enqueue(stream, [mark = event->mark] { return mark->reached(); });
  }
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (!exists(event)) return returned(cudaErrorInvalidResourceHandle);
  return event->mark == nullptr || event->mark->reached() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (milliseconds == nullptr) return returned(cudaErrorInvalidValue);
  if (!exists(start) || !exists(end)) return returned(cudaErrorInvalidResourceHandle);
  for (const cudaEvent_t event : {start, end}) {
    if (!event->timed || event->mark == nullptr) return returned(cudaErrorInvalidResourceHandle);
  }
  for (const cudaEvent_t event : {start, end}) {
    if (event->mark->stream->completed < event->mark->ticket) return cudaErrorNotReady;
  }
  *milliseconds =
      std::chrono::duration<float, std::milli>(end->mark->time - start->mark->time).count();
  return cudaSuccess;
}
