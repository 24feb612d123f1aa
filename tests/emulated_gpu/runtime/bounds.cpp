// The compiler's own check of indices into arrays of known size (-fsanitize=bounds): shared memory
// that a kernel declares, and arrays in registers. This is what it calls; the sanitizer's library
// is not needed.
#include <cstdint>

#include "fault.h"

namespace {

struct TypeOfArray {
  uint16_t kind, details;
  char name[1];  // "'float [32]'", and further
};

struct OutOfBounds {
  const char* file;
  uint32_t line, column;
  const TypeOfArray* array;
  const TypeOfArray* index;
};

[[noreturn]] void fail_at_index(const OutOfBounds& where, uintptr_t index) {
  const char* array = where.array->name;
  emulated_gpu::fail(emulated_gpu::text("index ", static_cast<int64_t>(index), " is outside of ",
                                        array, " (", emulated_gpu::file_name(where.file), ":",
                                        where.line, ")"));
}

}  // namespace

// Hidden, so that these are taken even where the whole program runs with the sanitizer's library.
extern "C" __attribute__((visibility("hidden"))) void __ubsan_handle_out_of_bounds(
    OutOfBounds* where, uintptr_t index) {
  fail_at_index(*where, index);
}
extern "C" __attribute__((visibility("hidden"))) void __ubsan_handle_out_of_bounds_abort(
    OutOfBounds* where, uintptr_t index) {
  fail_at_index(*where, index);
}
