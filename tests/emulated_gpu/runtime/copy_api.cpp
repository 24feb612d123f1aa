// Copies and fills. Every range is checked when the call is made.
#include <cstring>
#include <vector>

#include "fault.h"
#include "memory.h"
#include "stream.h"

using namespace emulated_gpu;

namespace {

/// `height` rows of `width` bytes, each `pitch` bytes after the last.
template <class Address>
struct Rows {
  Address address;
  size_t pitch;
};

struct Copy {
  Rows<char*> to;
  Rows<const char*> from;
  size_t width, height;
  cudaMemcpyKind kind;

  bool from_device() const { return kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice; }
  bool to_device() const { return kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice; }

  void run() const {
    for (size_t row = 0; row < height; ++row) {
      std::memmove(to.address + row * to.pitch, from.address + row * from.pitch, width);
    }
  }
};

cudaMemcpyKind inferred_kind(const void* to, const void* from) {
  const bool to_device = device_memory().contains(to), from_device = device_memory().contains(from);
  if (from_device) return to_device ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost;
  return to_device ? cudaMemcpyHostToDevice : cudaMemcpyHostToHost;
}

/// Whether all rows lie in memory of the side where they should.
bool lies_in(bool on_device, const char* address, size_t pitch, const Copy& copy) {
  const size_t whole = (copy.height - 1) * pitch + copy.width;
  if (on_device) return device_memory().offers(address, whole);
  if (address == nullptr || device_memory().contains(address)) return false;
  if (!is_pinned(address)) return true;
  const auto block = std::prev(pinned_memory().upper_bound(address));
  return address + whole <= block->first + block->second;
}

/// A copy whose source is what stands in pageable memory now: CUDA takes it before it returns.
void enqueue_from_pageable(const Stream& stream, const Copy& copy) {
  std::vector<char> taken(copy.width * copy.height);
  Copy take = copy;
  take.to = {taken.data(), copy.width};
  take.run();
  enqueue_work(stream, "cudaMemcpyAsync", [copy, taken = std::move(taken)] {
    Copy give = copy;
    give.from = {taken.data(), copy.width};
    give.run();
  });
}

/// Device memory and page-locked memory are read and written when the stream gets there; pageable memory now.
cudaError_t start(Copy copy, cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  if (copy.width == 0 || copy.height == 0) return cudaSuccess;
  if (copy.height > 1 && (copy.width > copy.to.pitch || copy.width > copy.from.pitch)) {
    return returned(cudaErrorInvalidPitchValue);
  }
  if (copy.kind == cudaMemcpyDefault) copy.kind = inferred_kind(copy.to.address, copy.from.address);
  if (!lies_in(copy.to_device(), copy.to.address, copy.to.pitch, copy) ||
      !lies_in(copy.from_device(), copy.from.address, copy.from.pitch, copy)) {
    return returned(cudaErrorInvalidValue);
  }
  if (!copy.from_device() && !is_pinned(copy.from.address)) {
    enqueue_from_pageable(stream, copy);
  } else {
    enqueue_work(stream, "cudaMemcpyAsync", [copy] { copy.run(); });
  }
  if (!copy.to_device() && !is_pinned(copy.to.address)) wait_for(stream);
  return cudaSuccess;
}

cudaError_t start_and_wait(const Copy& copy) {
  const cudaError_t result = start(copy, nullptr);
  if (result == cudaSuccess) wait_for(find_stream(nullptr));
  return result;
}

Copy copy_of(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
             cudaMemcpyKind kind) {
  return {{static_cast<char*>(to), to_pitch}, {static_cast<const char*>(from), from_pitch}, width, height, kind};
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return start(copy_of(to, bytes, from, bytes, bytes, 1, kind), stream);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return start_and_wait(copy_of(to, bytes, from, bytes, bytes, 1, kind));
}

cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return start(copy_of(to, to_pitch, from, from_pitch, width, height, kind), stream);
}

cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                         cudaMemcpyKind kind) {
  return start_and_wait(copy_of(to, to_pitch, from, from_pitch, width, height, kind));
}

cudaError_t cudaMemsetAsync(void* address, int value, size_t bytes, cudaStream_t handle) {
  const Stream stream = find_stream(handle);
  if (stream == nullptr) return returned(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return cudaSuccess;
  if (!device_memory().offers(address, bytes)) return returned(cudaErrorInvalidValue);
  enqueue_work(stream, "cudaMemsetAsync", [=] { std::memset(address, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemset(void* address, int value, size_t bytes) {
  return cudaMemsetAsync(address, value, bytes, nullptr);
}
