#include "shared_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fault.h"
#include "grid.h"

namespace emulated_gpu {

constexpr size_t guard = 64 << 10;
constexpr size_t alignment = 16;
constexpr size_t page = 4096;
constexpr size_t room = (shared_bytes_of_block_at_most + page - 1) / page * page;

SharedMemory::SharedMemory() {
  void* pages = mmap(nullptr, guard + room + guard, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED ||
      mprotect(static_cast<char*>(pages) + guard, room, PROT_READ | PROT_WRITE) != 0) {
    fail(text("no memory for a block's shared memory: ", std::strerror(errno)));
  }
  base_ = static_cast<char*>(pages);
  begin_ = end_ = base_ + guard + room;
}

void SharedMemory::resize(size_t bytes) {
  bytes_ = bytes;
  begin_ = end_ - (bytes + alignment - 1) / alignment * alignment;
}

void SharedMemory::poison() { std::memset(begin_, 0xFF, static_cast<size_t>(end_ - begin_)); }

void SharedMemory::check() const {
  const char* written = std::find_if(begin_ + bytes_, end_, [](char c) { return c != '\xFF'; });
  if (written != end_) {
    fail(text("dynamic shared memory was written out of bounds: ", written - begin_ - bytes_,
              " bytes behind the ", bytes_, " bytes of the block"));
  }
}

std::string SharedMemory::explain(const char* address) const {
  if (address < base_ || address >= end_ + guard) return "";
  if (address < begin_)
    return text("dynamic shared memory out of bounds: ", begin_ - address,
                " bytes before its begin");
  return text("dynamic shared memory out of bounds: ",
              address - begin_ - static_cast<std::ptrdiff_t>(bytes_), " bytes behind the ", bytes_,
              " bytes of the block");
}

}  // namespace emulated_gpu
