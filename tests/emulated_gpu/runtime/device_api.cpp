// Devices, versions, errors.
#include <cstdio>
#include <cstring>
#include <utility>

#include "fault.h"
#include "grid.h"
#include "memory.h"
#include "stream.h"

using namespace emulated_gpu;

static int device = 0;
static cudaError_t last_error = cudaSuccess;

static constexpr int multiprocessors = 2;
static constexpr int capability_major = 9, capability_minor = 0;

namespace emulated_gpu {

int current_device() { return device; }

int device_count() {
  static const auto count = static_cast<int>(setting("SHARD_EMULATED_GPUS", 0));
  return count;
}

int place_of(int number) {
  static const auto first = static_cast<int>(setting("SHARD_EMULATED_FIRST_GPU", 0));
  return first + number;
}

cudaError_t returned(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

}  // namespace emulated_gpu

static bool exists(int number) { return number >= 0 && number < device_count(); }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count();
  return *count > 0 ? cudaSuccess : returned(cudaErrorNoDevice);
}

cudaError_t cudaGetDevice(int* number) {
  *number = device;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int number) {
  if (!exists(number)) return returned(cudaErrorInvalidDevice);
  device = number;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* place, int length, int number) {
  if (!exists(number) || length < 13) return returned(cudaErrorInvalidValue);
  std::snprintf(place, static_cast<size_t>(length), "0000:%02X:00.0", static_cast<unsigned>(place_of(number)) & 0xFFu);
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  if (!exists(number)) return returned(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "emulated GPU");
  properties->totalGlobalMem = device_memory().capacity();
  properties->sharedMemPerBlock = shared_bytes_of_any_kernel;
  properties->sharedMemPerBlockOptin = shared_bytes_at_most;
  properties->sharedMemPerMultiprocessor = shared_bytes_of_multiprocessor;
  properties->warpSize = warpSize;
  properties->maxThreadsPerBlock = threads_of_block_at_most;
  properties->maxThreadsPerMultiProcessor = threads_of_multiprocessor;
  properties->major = capability_major;
  properties->minor = capability_minor;
  properties->multiProcessorCount = multiprocessors;
  properties->memoryPoolsSupported = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int number) {
  if (!exists(number)) return returned(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: *value = threads_of_block_at_most; return cudaSuccess;
    case cudaDevAttrWarpSize: *value = warpSize; return cudaSuccess;
    case cudaDevAttrMultiProcessorCount: *value = multiprocessors; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor: *value = capability_major; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor: *value = capability_minor; return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = shared_bytes_at_most; return cudaSuccess;
    case cudaDevAttrMemoryPoolsSupported: *value = 1; return cudaSuccess;
  }
  return returned(cudaErrorInvalidValue);
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return last_error; }

/// Names and texts are CUDA's own.
static std::pair<const char*, const char*> name_and_text(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return {"cudaSuccess", "no error"};
    case cudaErrorInvalidValue: return {"cudaErrorInvalidValue", "invalid argument"};
    case cudaErrorMemoryAllocation: return {"cudaErrorMemoryAllocation", "out of memory"};
    case cudaErrorInvalidConfiguration: return {"cudaErrorInvalidConfiguration", "invalid configuration argument"};
    case cudaErrorInvalidPitchValue: return {"cudaErrorInvalidPitchValue", "invalid pitch argument"};
    case cudaErrorInvalidDeviceFunction: return {"cudaErrorInvalidDeviceFunction", "invalid device function"};
    case cudaErrorNoDevice: return {"cudaErrorNoDevice", "no CUDA-capable device is detected"};
    case cudaErrorInvalidDevice: return {"cudaErrorInvalidDevice", "invalid device ordinal"};
    case cudaErrorInvalidResourceHandle: return {"cudaErrorInvalidResourceHandle", "invalid resource handle"};
    case cudaErrorNotReady: return {"cudaErrorNotReady", "device not ready"};
  }
  return {"unrecognized error code", "unrecognized error code"};
}

const char* cudaGetErrorName(cudaError_t error) { return name_and_text(error).first; }
const char* cudaGetErrorString(cudaError_t error) { return name_and_text(error).second; }
