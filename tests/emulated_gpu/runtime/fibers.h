// Fibers: stacks between which a thread of the host jumps, in a few nanoseconds.
#pragma once
#include <ucontext.h>

#include <cstddef>

namespace emulated_gpu {

/// Where a fiber continues: in the call of jump() that left it, or, if it has not run yet, at its
/// beginning.
struct Context {
  void** left = nullptr;
  ucontext_t* beginning = nullptr;
};

/// Jumps to `to`. Stores in `from` where the caller continues when `from` is jumped to.
void jump(Context to, Context& from);

class Fibers {
 public:
  Fibers(size_t most, void (*function)());
  /// A fiber that will run `function` from its beginning, which must not return.
  Context make();
  /// Whether `address` is just below a stack: a stack overflow.
  bool is_guard(const void* address) const;

  static constexpr size_t stack_bytes = size_t{64} << 10;

 private:
  static constexpr size_t guard_bytes = size_t{64} << 10;
  size_t most_;
  void (*function_)();
  char* base_;
  size_t made_ = 0;
};

}  // namespace emulated_gpu
