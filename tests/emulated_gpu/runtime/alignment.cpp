// The compiler's own check of addresses (-fsanitize=alignment): a GPU accesses 2, 4, 8 and 16 bytes
// only at a multiple of as many, where the host's processor does not mind. This is what it calls.
#include <cstdint>

#include "fault.h"

namespace {

struct TypeOfAccess {
  uint16_t kind, details;
  char name[1];  // "'const float4'", and further
};

struct Mismatch {
  const char* file;
  uint32_t line, column;
  const TypeOfAccess* type;
  uint8_t log_alignment, kind;
};

[[noreturn]] void fail_at_address(const Mismatch& where, uintptr_t address) {
  const uintptr_t alignment = uintptr_t{1} << where.log_alignment;
  const char* type = where.type->name;
  emulated_gpu::fail(emulated_gpu::text(type, " is accessed ", address % alignment,
                                        " bytes past a multiple of ", alignment, " (",
                                        emulated_gpu::file_name(where.file), ":", where.line, ")"));
}

}  // namespace

// Hidden, so that these are taken even where the whole program runs with the sanitizer's library.
extern "C" __attribute__((visibility("hidden"))) void __ubsan_handle_type_mismatch_v1(
    Mismatch* where, uintptr_t address) {
  fail_at_address(*where, address);
}
extern "C" __attribute__((visibility("hidden"))) void __ubsan_handle_type_mismatch_v1_abort(
    Mismatch* where, uintptr_t address) {
  fail_at_address(*where, address);
}
