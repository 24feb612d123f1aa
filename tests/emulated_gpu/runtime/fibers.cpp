#include "fibers.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "fault.h"

namespace emulated_gpu {

constexpr size_t cache_line = 64;

/// The compiler's own jump saves what the function needs and no more: a sum over a warp takes 21 ns
/// a step and thread by it, and 33 ns by Boost.Context, which saves the modes of the floating-point
/// unit as well.
__attribute__((noinline)) void jump(Context to, Context& from) {
  void* place[5];  // as the compiler's documentation asks for
  from = {place, nullptr};
  if (__builtin_setjmp(place) != 0) return;
  if (to.beginning != nullptr) setcontext(to.beginning);
  __builtin_longjmp(to.left, 1);
}

Fibers::Fibers(size_t most, void (*function)()) : most_(most), function_(function) {
  const size_t bytes = most * (guard_bytes + stack_bytes);
  void* stacks =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stacks == MAP_FAILED)
    fail(text("no addresses for the stacks of threads: ", std::strerror(errno)));
  base_ = static_cast<char*>(stacks);
}

Context Fibers::make() {
  char* stack = base_ + made_ * (guard_bytes + stack_bytes) + guard_bytes;
  if (mprotect(stack, stack_bytes, PROT_READ | PROT_WRITE) != 0) {
    fail(text("no memory for the stack of a thread: ", std::strerror(errno)));
  }
  auto* beginning = new ucontext_t;  // fibers are kept as long as the process runs
  getcontext(beginning);
  // Tops at the same offset in all stacks would fall into the same few lines of the cache.
  const size_t offset = made_++ * cache_line * 5 % (stack_bytes / 8);
  beginning->uc_stack.ss_sp = stack;
  beginning->uc_stack.ss_size = stack_bytes - offset;
  beginning->uc_link = nullptr;
  makecontext(beginning, function_, 0);
  return {nullptr, beginning};
}

bool Fibers::is_guard(const void* address) const {
  const char* wanted = static_cast<const char*>(address);
  if (wanted < base_ || wanted >= base_ + most_ * (guard_bytes + stack_bytes)) return false;
  return static_cast<size_t>(wanted - base_) % (guard_bytes + stack_bytes) < guard_bytes;
}

}  // namespace emulated_gpu
