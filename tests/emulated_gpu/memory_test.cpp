// Device memory: what the API refuses, and what new memory holds.
#include <cmath>
#include <cstdlib>
#include <string>

#include "tests/emulated_gpu/device_array.h"

using namespace shard;

namespace {

size_t free_bytes() {
  size_t free = 0, total = 0;
  check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

}  // namespace

TEST_CASE("new memory is NaN, also where cudaMallocAsync comes late in its stream") {
  const DeviceArray<float> x(100);
  for (float value : x.to_host()) CHECK(std::isnan(value));

  Stream owner(Stream::Priority::normal);
  float* y = nullptr;
  REQUIRE(cudaMallocAsync(&y, sizeof(float), owner) == cudaSuccess);
  // in another stream, without waiting for the owner
  check_cuda(cudaMemset(y, 0, sizeof(float)), "cudaMemset");
  check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  check_cuda(cudaStreamSynchronize(owner), "cudaStreamSynchronize");
  float value = -1;
  check_cuda(cudaMemcpy(&value, y, sizeof value, cudaMemcpyDeviceToHost), "cudaMemcpy");
  CHECK(cudaFreeAsync(y, owner) == cudaSuccess);
  check_cuda(cudaStreamSynchronize(owner), "cudaStreamSynchronize");
}

TEST_CASE("addresses are aligned to 256 bytes and never given out again") {
  void *first = nullptr, *second = nullptr;
  REQUIRE(cudaMalloc(&first, 1000) == cudaSuccess);
  CHECK(reinterpret_cast<uintptr_t>(first) % 256 == 0);
  REQUIRE(cudaFree(first) == cudaSuccess);
  REQUIRE(cudaMalloc(&second, 1000) == cudaSuccess);
  CHECK(first != second);
  CHECK(cudaMemset(first, 0, 1000) == cudaErrorInvalidValue);  // freed
  CHECK(cudaFree(first) == cudaErrorInvalidValue);
  cudaGetLastError();
  CHECK(cudaFree(second) == cudaSuccess);
}

TEST_CASE("memory is counted, and ends") {
  size_t total = 0, unused = 0;
  check_cuda(cudaMemGetInfo(&unused, &total), "cudaMemGetInfo");
  const char* wanted = std::getenv("SHARD_EMULATED_GPU_MEMORY");
  if (wanted != nullptr) CHECK(std::to_string(total) == wanted);
  const size_t before = free_bytes();
  {
    const DeviceArray<float> x(1000);
    CHECK(before - free_bytes() == 4096);
    void* too_much = nullptr;
    CHECK(cudaMalloc(&too_much, before) == cudaErrorMemoryAllocation);
    CHECK(too_much == nullptr);
    CHECK(cudaMallocAsync(&too_much, SIZE_MAX, nullptr) == cudaErrorMemoryAllocation);
  }
  CHECK(free_bytes() == before);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
}

TEST_CASE("memory that a stream will free counts until the stream gets there") {
  Stream stream(Stream::Priority::normal);
  void* block = nullptr;
  const size_t before = free_bytes();
  REQUIRE(cudaMallocAsync(&block, 512, stream) == cudaSuccess);
  CHECK(cudaFreeAsync(block, stream) == cudaSuccess);
  CHECK(free_bytes() == before - 512);
  CHECK(cudaFreeAsync(block, stream) == cudaErrorInvalidValue);
  CHECK(cudaFree(block) == cudaErrorInvalidValue);
  CHECK(cudaMemset(block, 0, 1) == cudaErrorInvalidValue);
  check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  CHECK(free_bytes() == before);
  cudaGetLastError();
}

TEST_CASE("pointers that the API refuses") {
  const DeviceArray<float> x(10);
  float host[10] = {};
  const size_t bytes = sizeof host;
  CHECK(cudaFree(host) == cudaErrorInvalidValue);
  CHECK(cudaFree(x.data() + 1) == cudaErrorInvalidValue);
  CHECK(cudaFreeHost(host) == cudaErrorInvalidValue);
  CHECK(cudaFree(nullptr) == cudaSuccess);

  CHECK(cudaMemcpy(host, x.data(), bytes + 1, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x.data() + 1, host, bytes, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host, host, bytes, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host, host, bytes, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x.data(), x.data(), bytes, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x.data(), host, bytes, cudaMemcpyDeviceToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemset(host, 0, bytes) == cudaErrorInvalidValue);
  CHECK(cudaMemset(x.data(), 0, bytes + 4) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x.data(), host, bytes, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(x.to_host() == std::vector<float>(10));
  cudaGetLastError();
}

TEST_CASE("devices") {
  int count = 0, device = -1;
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(std::to_string(count) == std::getenv("SHARD_EMULATED_GPUS"));
  CHECK(cudaSetDevice(count) == cudaErrorInvalidDevice);
  CHECK(cudaSetDevice(-1) == cudaErrorInvalidDevice);
  CHECK(cudaGetDevice(&device) == cudaSuccess);
  CHECK(device == 0);
  cudaDeviceProp properties{};
  CHECK(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  CHECK(std::string(properties.name) == "emulated GPU");
  CHECK(properties.major == 9);
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
}
