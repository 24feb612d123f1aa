// The CPU's memory and its name.
#include "common/cpu/cpu_backend.h"

#include <dnnl.h>
#include <omp.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>

#include "common/base/counted.h"

namespace shard {

CpuBackend::CpuBackend(int threads) : threads_(threads) { omp_set_num_threads(threads); }

CpuBackend::~CpuBackend() { give_back_all(); }

static std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::string CpuBackend::description() const {
  const dnnl_version_t* version = dnnl_version();
  return text("CPU (", processor_name(), ", ", counted(threads_, "thread"), " per rank, oneDNN ",
              version->major, ".", version->minor, ".", version->patch, ")");
}

// Large blocks are made of pages of 2 MB where the system has such: a loop that reads GPT-2's
// weights is then up to 1.6 times as fast. What is left at the end stays in small pages, of which
// only those that are used take memory.
void* CpuBackend::take_block(size_t bytes) {
  constexpr size_t cache_line = 64, large_page = size_t{1} << 21;
  const size_t large = bytes / large_page * large_page, unit = large > 0 ? large_page : cache_line;
  void* block = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
  if (block == nullptr && bytes > 0)
    throw OutOfMemory(text("out of memory: ", bytes, " bytes on the CPU"));
  if (large > 0) madvise(block, large, MADV_HUGEPAGE);  // a wish: there may be none
  return block;
}

void CpuBackend::give_back_block(void* block, size_t) noexcept { std::free(block); }

void CpuBackend::fill_with_nan(void* block, size_t bytes) { std::memset(block, 0xFF, bytes); }

void CpuBackend::copy_to_host(void* host, const void* device, size_t bytes) {
  if (bytes > 0) std::memcpy(host, device, bytes);
}

void CpuBackend::copy_from_host(void* device, const void* host, size_t bytes) {
  if (bytes > 0) std::memcpy(device, host, bytes);
}

std::unique_ptr<Backend> make_cpu_backend(int threads) {
  return std::make_unique<CpuBackend>(threads);
}

}  // namespace shard
