// The GPU's memory, its name, and how the host waits for it.
#include "common/cuda/cuda_backend.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/clock.h"
#include "common/cuda/launch_count.h"

namespace shard {

static cudaDeviceProp properties_of_this_device() {
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  return properties;
}

/// Selects the device before the first stream is made.
static Stream::Priority normal_priority_on(int device) {
  check_cuda(cudaSetDevice(device), "cudaSetDevice");
  return Stream::Priority::normal;
}

/// SHARD_EPILOGUES=0 or 1 in the environment; else 1.
static bool epilogues_are_wanted() {
  const char* const named = std::getenv("SHARD_EPILOGUES");
  const std::string value = named != nullptr ? named : "1";
  require_usage(value == "0" || value == "1", "SHARD_EPILOGUES is 0 or 1, not '", value, "'");
  return value == "1";
}

CudaBackend::CudaBackend(int device)
    : compute_(normal_priority_on(device)),
      communication_(Stream::Priority::high),
      trace_(compute_),
      transfer_(compute_, communication_) {
  const cudaDeviceProp properties = properties_of_this_device();
  multiprocessors_ = properties.multiProcessorCount;
  has_bf16_ = properties.major >= 8;  // compute capability 8.0: Ampere
  // On other GPUs cuBLASLt has been seen to start a second kernel for them, slower than ours.
  has_epilogues_ = properties.major == 9 && properties.minor == 0;
  uses_epilogues_ = has_epilogues_ && epilogues_are_wanted();
  check_cublas(cublasCreate(&cublas_), "cublasCreate");
  check_cublas(cublasSetStream(cublas_, compute_), "cublasSetStream");
  // What is freed stays with the process, and the next allocation costs no call to the driver.
  uint64_t keep_all = UINT64_MAX;
  check_cuda(cudaDeviceGetDefaultMemPool(&pool_, device), "cudaDeviceGetDefaultMemPool");
  check_cuda(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_all),
             "cudaMemPoolSetAttribute");
}

CudaBackend::~CudaBackend() {
  give_back_all();
  if (arrivals_ != nullptr) cudaFreeAsync(arrivals_, compute_);
  lt_products_.reset();
  cudaStreamSynchronize(compute_);
  cublasDestroy(cublas_);
}

static std::string version_text(int version, int major_unit, int minor_unit) {
  return text(version / major_unit, ".", version % major_unit / minor_unit);
}

std::string CudaBackend::description() const {
  const cudaDeviceProp properties = properties_of_this_device();
  int runtime = 0, cublas = 0;
  check_cuda(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  check_cublas(cublasGetVersion(cublas_, &cublas), "cublasGetVersion");
  return text(properties.name, " (", multiprocessors_, " multiprocessors, ",
              properties.totalGlobalMem >> 30, " GiB, CUDA ", version_text(runtime, 1000, 10),
              ", cuBLAS ", version_text(cublas, 10000, 100), ")");
}

int64_t CudaBackend::launches() const { return launched; }

// ---- Memory -------------------------------------------------------------------------------------

void* CudaBackend::take_block(size_t bytes) {
  void* block = nullptr;
  if (bytes == 0) return block;
  cudaError_t result = cudaMallocAsync(&block, bytes, compute_);
  // released blocks of other sizes may be large enough together
  if (result == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    give_back_all();
    synchronize();
    cudaMemPoolTrimTo(pool_, 0);  // what the pool keeps would not count as free
    result = cudaMallocAsync(&block, bytes, compute_);
  }
  if (result == cudaErrorMemoryAllocation) {
    size_t free = 0, total = 0;
    cudaGetLastError();
    cudaMemGetInfo(&free, &total);
    throw OutOfMemory(text("out of memory on ", properties_of_this_device().name, ": ", bytes,
                           " bytes, where ", free, " of ", total, " are free"));
  }
  check_cuda(result, "cudaMallocAsync");
  return block;
}

void CudaBackend::give_back_block(void* block, size_t) noexcept {
  if (block != nullptr) cudaFreeAsync(block, compute_);
}

void CudaBackend::fill_with_nan(void* block, size_t bytes) {
  if (bytes > 0) check_cuda(cudaMemsetAsync(block, 0xFF, bytes, compute_), "cudaMemsetAsync");
}

void CudaBackend::copy_to_host(void* host, const void* device, size_t bytes) {
  synchronize();
  if (bytes == 0) return;
  check_cuda(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, compute_),
             "cudaMemcpyAsync");
  check_cuda(cudaStreamSynchronize(compute_), "cudaStreamSynchronize");
}

/// The host's memory may change as soon as this returns.
void CudaBackend::copy_from_host(void* device, const void* host, size_t bytes) {
  if (bytes == 0) return;
  if (bytes <= SmallUploads::slot_bytes) {
    const auto wait = [this](const Event& copied) {
      wait_until([&] { return copied.has_happened(); });
    };
    return small_uploads_.copy(device, host, bytes, compute_, wait);
  }
  synchronize();
  check_cuda(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, compute_),
             "cudaMemcpyAsync");
  check_cuda(cudaStreamSynchronize(compute_), "cudaStreamSynchronize");
}

unsigned* CudaBackend::arrivals(int64_t count) {
  constexpr int64_t enough_for_most = 1024;
  if (count > arrivals_count_) {
    if (arrivals_ != nullptr) check_cuda(cudaFreeAsync(arrivals_, compute_), "cudaFreeAsync");
    arrivals_count_ = std::max(count, enough_for_most);
    const size_t bytes = static_cast<size_t>(arrivals_count_) * sizeof(unsigned);
    check_cuda(cudaMallocAsync(&arrivals_, bytes, compute_), "cudaMallocAsync");
    check_cuda(cudaMemsetAsync(arrivals_, 0, bytes, compute_), "cudaMemsetAsync");
  }
  return static_cast<unsigned*>(arrivals_);
}

// ---- Waiting ------------------------------------------------------------------------------------

void CudaBackend::synchronize() {
  wait_until([this] {
    const cudaError_t state = cudaStreamQuery(compute_);
    if (state != cudaErrorNotReady) check_cuda(state, "cudaStreamQuery");
    return state == cudaSuccess;
  });
}

void CudaBackend::wait_until(const std::function<bool()>& done) {
  constexpr double patience = 0.05;  // seconds
  ++waits_;
  const double start = now();
  double next_look = start + patience;
  while (!done()) {
    sched_yield();  // ranks may outnumber cores
    if (now() < next_look) continue;
    next_look = now() + patience;
    for (const auto& [number, watcher] : watchers_) watcher(true);
  }
  if (next_look == start + patience) return;
  for (const auto& [number, watcher] : watchers_) watcher(false);
}

int CudaBackend::watch(std::function<void(bool)> watcher) {
  watchers_.emplace(++last_watcher_, std::move(watcher));
  return last_watcher_;
}

}  // namespace shard
