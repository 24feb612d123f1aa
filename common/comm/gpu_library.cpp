#include "common/comm/gpu_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace shard {

static void* library = nullptr;

static std::string loader_message() {
  const char* message = dlerror();
  return message != nullptr ? message : "unknown error";
}

/// A library beside this one, by its path: an address sanitizer would look beside its own.
static std::string beside_this_library(const char* name) {
  Dl_info here;
  require(dladdr(reinterpret_cast<void*>(&loader_message), &here) != 0,
          "the path of this library is unknown");
  return std::filesystem::path(here.dli_fname).replace_filename(name).string();
}

GpuLibrary* find_gpu_library(std::string& reason) {
  const bool emulated = std::getenv("SHARD_EMULATED_GPUS") != nullptr;
  // The driver's library is on every machine with an NVIDIA GPU, and loads much faster than the
  // toolkit's.
  if (!emulated && dlopen("libcuda.so.1", RTLD_LAZY) == nullptr) {
    reason = "this machine has no NVIDIA driver";
    return nullptr;
  }
  const std::string file =
      beside_this_library(emulated ? "libshard_emulated_gpu.so" : "libshard_cuda.so");
  library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    reason = text("this build has no CUDA: ", loader_message());
    return nullptr;
  }
  auto* entry = reinterpret_cast<decltype(&shard_gpu_library)>(dlsym(library, "shard_gpu_library"));
  require(entry != nullptr, file, ": ", loader_message());
  GpuLibrary* gpus = entry();
  return gpus->devices(reason) > 0 ? gpus : nullptr;
}

void* gpu_symbol(const char* name) {
  require(library != nullptr, name, " was requested, but no GPU library is loaded");
  void* symbol = dlsym(library, name);
  require(symbol != nullptr, name, ": ", loader_message());
  return symbol;
}

}  // namespace shard
