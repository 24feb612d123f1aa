#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "fault.h"

namespace emulated_gpu {
namespace {

constexpr size_t reserved = size_t{1} << 40;  // of addresses
constexpr size_t page = 4096;
constexpr size_t guard = 16 * page;  // behind each allocation
constexpr size_t alignment = 256;    // of CUDA's allocations
constexpr size_t default_capacity = size_t{1} << 30;
constexpr unsigned char untouched = 0xFF;

size_t rounded_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

void* map_pages(void* at, size_t bytes) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at != nullptr ? MAP_FIXED : 0);
  void* pages = mmap(at, bytes, PROT_NONE, flags, -1, 0);
  if (pages == MAP_FAILED)
    fail(text("cannot reserve ", bytes, " bytes of addresses: ", std::strerror(errno)));
  return pages;
}

}  // namespace

DeviceMemory& device_memory() {
  // destroyed after everything that is freed at the process's end
  static DeviceMemory& memory = *new DeviceMemory;
  return memory;
}

DeviceMemory::DeviceMemory() : capacity_(setting("SHARD_EMULATED_GPU_MEMORY", default_capacity)) {
  base_ = static_cast<char*>(map_pages(nullptr, reserved));
  next_ = base_ + guard;
  explain_faults();
}

void* DeviceMemory::allocate(int device, size_t bytes) {
  const size_t data = rounded_up(bytes, alignment), mapped = rounded_up(bytes, page);
  if (bytes > capacity_ || used(device) + data > capacity_) return nullptr;
  char* pages = next_;
  if (pages + mapped + guard > base_ + reserved)
    fail("all addresses were given out once: the process allocates too much");
  next_ += mapped + guard;
  if (mprotect(pages, mapped, PROT_READ | PROT_WRITE) != 0) {
    fail(text("the host has no ", bytes, " bytes for the device: ", std::strerror(errno)));
  }
  std::memset(pages, untouched, mapped);
  mprotect(pages, mapped, PROT_NONE);
  char* begin = pages + mapped - data;
  live_[pages] = {begin, bytes, pages, mapped, device};
  return begin;
}

void DeviceMemory::free(void* address) {
  const Access access;
  const Allocation allocation = *find(address);
  check_surroundings(allocation);
  live_.erase(allocation.pages);
  map_pages(allocation.pages, allocation.mapped);  // gives the memory back and keeps the addresses
  freed_[allocation.pages] = allocation;
}

void DeviceMemory::check_surroundings(const Allocation& a) const {
  const auto written = [](char c) { return static_cast<unsigned char>(c) != untouched; };
  char *data_end = a.begin + a.bytes, *end = a.pages + a.mapped;
  const char* found = std::find_if(data_end, end, written);
  if (found != end) {
    fail(text("device memory was written out of bounds: ", found - data_end,
              " bytes behind the end of an allocation of ", a.bytes,
              " bytes (found when it was freed)"));
  }
  found = std::find_if(a.pages, a.begin, written);
  if (found != a.begin) {
    fail(text("device memory was written out of bounds: ", a.begin - found,
              " bytes before an allocation of ", a.bytes, " bytes (found when it was freed)"));
  }
}

Allocation* DeviceMemory::find(const void* address) {
  const char* wanted = static_cast<const char*>(address);
  const auto next = live_.upper_bound(wanted);
  if (next == live_.begin()) return nullptr;
  Allocation& last = std::prev(next)->second;
  return wanted >= last.begin && wanted < last.begin + last.bytes ? &last : nullptr;
}

bool DeviceMemory::holds(const void* address, size_t bytes) {
  const Allocation* found = find(address);
  if (found == nullptr) return false;
  return bytes <=
         static_cast<size_t>(found->begin + found->bytes - static_cast<const char*>(address));
}

bool DeviceMemory::offers(const void* address, size_t bytes) {
  return holds(address, bytes) && !find(address)->promised;
}

bool DeviceMemory::contains(const void* address) const {
  return address >= base_ && address < base_ + reserved;
}

size_t DeviceMemory::used(int device) const {
  size_t sum = 0;
  for (const auto& [pages, a] : live_)
    sum += a.device == device ? rounded_up(a.bytes, alignment) : 0;
  return sum;
}

size_t DeviceMemory::live_bytes() const {
  size_t sum = 0;
  for (const auto& [pages, allocation] : live_) sum += allocation.bytes;
  return sum;
}

void DeviceMemory::open() {
  if (is_open_) return;
  explain_faults();
  is_open_ = true;
}

bool DeviceMemory::admit(const void* address) {
  const auto next = live_.upper_bound(static_cast<const char*>(address));
  if (!is_open_ || next == live_.begin()) return false;
  Allocation& found = std::prev(next)->second;
  if (address >= found.pages + found.mapped) return false;
  found.accessible = true;
  return mprotect(found.pages, found.mapped, PROT_READ | PROT_WRITE) == 0;
}

void DeviceMemory::let_go() {
  if (--holders_ > 0 || !is_open_) return;
  for (auto& [pages, allocation] : live_) {
    if (std::exchange(allocation.accessible, false))
      mprotect(allocation.pages, allocation.mapped, PROT_NONE);
  }
  is_open_ = false;
}

/// The allocation, live or freed, that `address` lies in or is nearest to; nullptr if there was
/// none.
const Allocation* DeviceMemory::nearest(const char* address) const {
  const Allocation* best = nullptr;
  std::ptrdiff_t distance = PTRDIFF_MAX;
  for (const Allocations* all : {&live_, &freed_}) {
    const auto next = all->upper_bound(address);
    if (next != all->end() && next->second.begin - address < distance) {
      best = &next->second;
      distance = best->begin - address;
    }
    if (next == all->begin()) continue;
    const Allocation& last = std::prev(next)->second;
    if (address - (last.begin + last.bytes) < distance) {
      best = &last;
      distance = address - (last.begin + last.bytes);
    }
  }
  return best;
}

std::string DeviceMemory::explain(const char* address, bool by_device) const {
  if (!contains(address)) return "";
  const Allocation* found = nearest(address);
  if (found == nullptr) return "access to device memory that was never allocated";
  const bool is_live = live_.contains(found->pages);
  const std::string whole =
      text("an allocation of ", found->bytes, " bytes", is_live ? "" : " that was freed");
  const auto offset = address - found->begin;
  const auto behind = offset - static_cast<std::ptrdiff_t>(found->bytes);
  if (offset < 0) return text("device memory out of bounds: ", -offset, " bytes before ", whole);
  if (behind >= 0)
    return text("device memory out of bounds: ", behind, " bytes behind the end of ", whole);
  if (!is_live)
    return text("device memory is used after it was freed: byte ", offset, " of ", whole);
  if (by_device) return text("byte ", offset, " of ", whole, " is not accessible");
  return text("the host dereferences a pointer to device memory: byte ", offset, " of ", whole,
              "; what the host reads must be copied first");
}

std::map<const char*, size_t>& pinned_memory() {
  static auto& blocks = *new std::map<const char*, size_t>;
  return blocks;
}

bool is_pinned(const void* address) {
  const char* wanted = static_cast<const char*>(address);
  auto next = pinned_memory().upper_bound(wanted);
  return next != pinned_memory().begin() &&
         wanted < std::prev(next)->first + std::prev(next)->second;
}

}  // namespace emulated_gpu
