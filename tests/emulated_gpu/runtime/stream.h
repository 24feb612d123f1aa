// Streams are queues of work that run only when something waits for it: what is ordered by chance
// on a GPU fails here.
#pragma once
#include <cuda_runtime.h>

#include <deque>
#include <functional>
#include <memory>

/// Work in a queue: false while it cannot be finished yet, and must be called again.
using Operation = std::function<bool()>;

struct CUstream_st {
  int device = 0;
  bool destroyed = false;  // by the program, which does not wait for the work that is left
  uint64_t completed = 0;  // operations, of all that were ever enqueued
  uint64_t enqueued() const { return completed + queue.size(); }

  std::deque<Operation> queue = {};
  bool running = false;

  /// Runs operations until `ticket` of them are completed, or one cannot be finished. True if they
  /// are completed.
  bool advance(uint64_t ticket);
};

namespace emulated_gpu {

using Stream = std::shared_ptr<CUstream_st>;

/// The stream of this handle; nullptr if there is none. The null handle is the device's default
/// stream.
Stream find_stream(cudaStream_t handle);
void enqueue(const Stream& stream, Operation operation);
/// Work that needs the device's memory and is done when it has run. `call` is for messages.
void enqueue_work(const Stream& stream, const char* call, std::function<void()> work);
/// True if nothing is left in any stream of this device.
bool advance_all(int device);
void wait_until(const std::function<bool()>& done);
void wait_for(const Stream& stream);

int current_device();
int device_count();
/// The machine's number of a device, whatever its number is in this process.
int place_of(int device);
size_t live_streams();
size_t live_events();

/// Remembers an error for cudaGetLastError.
cudaError_t returned(cudaError_t error);

}  // namespace emulated_gpu
