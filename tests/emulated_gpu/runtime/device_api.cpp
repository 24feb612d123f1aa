// Devices, versions, errors.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fault.h"
#include "memory.h"
#include "stream.h"

using namespace emulated_gpu;

static int device = 0;
static cudaError_t last_error = cudaSuccess;

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
  std::snprintf(place, static_cast<size_t>(length), "0000:%02X:00.0",
                static_cast<unsigned>(place_of(number)) & 0xFFu);
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  if (!exists(number)) return returned(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "emulated GPU");
  properties->totalGlobalMem = device_memory().capacity();
  const char* const capability = std::getenv("SHARD_EMULATED_GPU_CAPABILITY");
  if (std::sscanf(capability != nullptr ? capability : "9.0", "%d.%d", &properties->major,
                  &properties->minor) != 2)
    fail(text("SHARD_EMULATED_GPU_CAPABILITY is a number such as 8.0, not '", capability, "'"));
  properties->multiProcessorCount = 2;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

/// The texts are CUDA's own.
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorNotReady: return "device not ready";
  }
  return "unrecognized error code";
}
