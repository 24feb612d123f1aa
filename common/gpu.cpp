#include "common/gpu.h"

#include <dlfcn.h>

#include <cstdlib>

namespace shard {

static void* library = nullptr;

static std::string loader_message() {
  const char* message = dlerror();
  return message != nullptr ? message : "no reason was given";
}

GpuLibrary* find_gpu_library(std::string& reason) {
  const bool emulated = std::getenv("SHARD_EMULATED_GPUS") != nullptr;
  // The driver's library is on every machine with an NVIDIA GPU, and loads much faster than the toolkit's.
  if (!emulated && dlopen("libcuda.so.1", RTLD_LAZY) == nullptr) {
    reason = "there is no NVIDIA driver here";
    return nullptr;
  }
  const char* file = emulated ? "libshard_emulated_gpu.so" : "libshard_cuda.so";  // beside this library
  library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    reason = text("this build has no CUDA: ", loader_message());
    return nullptr;
  }
  auto* entry = reinterpret_cast<decltype(&shard_gpu_library)>(dlsym(library, "shard_gpu_library"));
  require(entry != nullptr, file, ": ", loader_message());
  GpuLibrary* gpus = entry();
  if (gpus->devices() > 0) return gpus;
  reason = "the driver finds no GPU";
  return nullptr;
}

void* gpu_symbol(const char* name) {
  require(library != nullptr, name, " was asked for, but there is no GPU library");
  void* symbol = dlsym(library, name);
  require(symbol != nullptr, name, ": ", loader_message());
  return symbol;
}

}  // namespace shard
