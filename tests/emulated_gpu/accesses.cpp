// The functions that code calls before each access to memory when it is compiled with
// -fsanitize=thread. The sanitizer's library would look for races between the host's threads; these
// record what a thread of the emulated GPU accesses.
#include "accesses.h"

#include <cstddef>

#include "runtime/fibers.h"
#include "runtime/grid.h"
#include "runtime/memory.h"

namespace emulated_gpu {
namespace {

AccessRecord* record = nullptr;

bool is_within(const char* address, const void* begin, size_t bytes) {
  return address >= static_cast<const char*>(begin) &&
         address < static_cast<const char*>(begin) + bytes;
}

void add(const void* where, size_t bytes, bool is_write, const void* instruction) {
  if (record == nullptr || running_launch() == nullptr) return;
  const char* address = static_cast<const char*>(where);
  const bool is_global = device_memory().contains(address);
  const bool is_variable = is_within(address, __builtin_frame_address(0), Fibers::stack_bytes) ||
                           is_within(address, &here, sizeof here);
  if (is_variable) return;
  record->accesses.push_back({address, instruction, phase(), static_cast<uint16_t>(here.number),
                              static_cast<uint8_t>(bytes), is_write, is_global});
}

}  // namespace

AccessRecord::AccessRecord() { record = this; }
AccessRecord::~AccessRecord() { record = nullptr; }

}  // namespace emulated_gpu

// Hidden: the rest of a program that is built with the sanitizer keeps the sanitizer's own.
#define HIDDEN extern "C" __attribute__((visibility("hidden"), noinline))
#define CALLBACKS(bytes)                                             \
  HIDDEN void __tsan_read##bytes(void* p) {                          \
    emulated_gpu::add(p, bytes, false, __builtin_return_address(0)); \
  }                                                                  \
  HIDDEN void __tsan_write##bytes(void* p) {                         \
    emulated_gpu::add(p, bytes, true, __builtin_return_address(0));  \
  }                                                                  \
  HIDDEN void __tsan_unaligned_read##bytes(void* p) {                \
    emulated_gpu::add(p, bytes, false, __builtin_return_address(0)); \
  }                                                                  \
  HIDDEN void __tsan_unaligned_write##bytes(void* p) {               \
    emulated_gpu::add(p, bytes, true, __builtin_return_address(0));  \
  }
CALLBACKS(1)
CALLBACKS(2)
CALLBACKS(4)
CALLBACKS(8)
CALLBACKS(16)

HIDDEN void __tsan_read_range(void* p, size_t bytes) {
  emulated_gpu::add(p, bytes, false, __builtin_return_address(0));
}
HIDDEN void __tsan_write_range(void* p, size_t bytes) {
  emulated_gpu::add(p, bytes, true, __builtin_return_address(0));
}
HIDDEN void __tsan_init() {}
HIDDEN void __tsan_vptr_read(void**) {}
HIDDEN void __tsan_vptr_update(void**, void*) {}
HIDDEN void __tsan_func_entry(void*) {}
HIDDEN void __tsan_func_exit() {}
// What clang calls instead of the functions of the same names.
HIDDEN void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
  return __builtin_memcpy(to, from, bytes);
}
HIDDEN void* __tsan_memmove(void* to, const void* from, size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}
HIDDEN void* __tsan_memset(void* at, int value, size_t bytes) {
  return __builtin_memset(at, value, bytes);
}
