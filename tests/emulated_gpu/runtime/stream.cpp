#include "stream.h"

#include <sched.h>

#include <chrono>
#include <map>
#include <utility>

#include "fault.h"
#include "leaks.h"
#include "memory.h"

bool CUstream_st::advance(uint64_t ticket) {
  if (running)
    return completed >= ticket;  // the operation that runs has come back here through an event
  running = true;
  const emulated_gpu::Drain drain;
  while (completed < ticket && queue.front()()) {
    queue.pop_front();
    ++completed;
  }
  running = false;
  return completed >= ticket;
}

namespace emulated_gpu {
namespace {

std::map<cudaStream_t, Stream>& streams() {
  static auto& all = *new std::map<cudaStream_t, Stream>;
  return all;
}

const Stream& default_stream(int device) {
  static auto& all = *new std::map<int, Stream>;
  Stream& stream = all[device];
  if (stream == nullptr) stream = std::make_shared<CUstream_st>(CUstream_st{.device = device});
  return stream;
}

}  // namespace

Stream find_stream(cudaStream_t handle) {
  if (handle == nullptr) return default_stream(current_device());
  const auto found = streams().find(handle);
  return found == streams().end() || found->second->destroyed ? nullptr : found->second;
}

void enqueue(const Stream& stream, Operation operation) {
  stream->queue.push_back(std::move(operation));
}

void enqueue_work(const Stream& stream, const char* call, std::function<void()> work) {
  enqueue(stream, [call, work = std::move(work)] {
    const Access access;
    const Doing doing(call);
    work();
    return true;
  });
}

bool advance_all(int device) {
  const Stream& first = default_stream(device);
  bool idle = first->advance(first->enqueued());
  for (auto next = streams().begin(); next != streams().end();) {
    const Stream stream = (next++)->second;
    if (stream->device != device) continue;
    const bool done = stream->advance(stream->enqueued());
    if (done && stream->destroyed) streams().erase(stream.get());
    idle = done && idle;
  }
  return idle;
}

void wait_until(const std::function<bool()>& done) {
  while (!done()) sched_yield();  // ranks may outnumber cores
}

void wait_for(const Stream& stream) {
  wait_until([&, ticket = stream->enqueued()] { return stream->advance(ticket); });
}

size_t live_streams() {
  size_t count = 0;
  for (const auto& [handle, stream] : streams()) count += stream->destroyed ? 0 : 1;
  return count;
}

}  // namespace emulated_gpu

using namespace emulated_gpu;

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int) {
  if (stream == nullptr || flags != cudaStreamNonBlocking) return returned(cudaErrorInvalidValue);
  report_leaks_at_exit();
  auto made = std::make_shared<CUstream_st>(CUstream_st{.device = current_device()});
  *stream = made.get();
  streams().emplace(made.get(), made);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (handle == nullptr || stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  stream->destroyed = true;
  if (stream->advance(stream->enqueued())) streams().erase(handle);
  return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  return stream->advance(stream->enqueued()) ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  wait_for(stream);
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  wait_until([] { return advance_all(current_device()); });
  return cudaSuccess;
}
