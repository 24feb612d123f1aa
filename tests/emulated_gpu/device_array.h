// What the tests of the emulated GPU share.
#pragma once
#include <doctest/doctest.h>

#include <vector>

#include "common/cuda/device.cuh"
#include "common/cuda/launch.h"
#include "common/cuda/stream.h"

namespace shard {

/// An array in device memory with one owner.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t size) : size_(size) {
    check_cuda(cudaMalloc(&data_, size * sizeof(T)), "cudaMalloc");
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    check_cuda(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;

  T* data() const { return data_; }
  size_t bytes() const { return size_ * sizeof(T); }
  /// Waits for all work of the device.
  std::vector<T> to_host() const {
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    std::vector<T> values(size_);
    check_cuda(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t size_;
};

/// Page-locked host memory with one owner.
class PinnedFloats {
 public:
  explicit PinnedFloats(size_t size) {
    check_cuda(cudaHostAlloc(&data_, size * sizeof(float), cudaHostAllocDefault), "cudaHostAlloc");
  }
  ~PinnedFloats() { cudaFreeHost(data_); }
  PinnedFloats(const PinnedFloats&) = delete;
  float& operator[](size_t i) { return data_[i]; }
  float* data() const { return data_; }

 private:
  float* data_ = nullptr;
};

}  // namespace shard
