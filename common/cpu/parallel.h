// parallel_for: the one way in which the CPU's loops use threads.
#pragma once
#include <omp.h>

#include <cstdint>

#include "common/base/partition.h"
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace shard {

/// A point that orders what several threads do before and after it. OpenMP does so at both ends of
/// a parallel region. The thread sanitizer must be told, since gcc's OpenMP is not instrumented for
/// it.
struct Moment {
#ifdef __SANITIZE_THREAD__
  void comes_after_this() { __tsan_release(this); }
  void is_over() { __tsan_acquire(this); }
#else
  void comes_after_this() {}
  void is_over() {}
#endif
};

/// Calls body(begin, end) for consecutive parts of 0 … count-1, one part per thread. `cost`:
/// operations per item, so that work too small to be worth the threads' start (a few µs) stays on
/// the calling thread.
template <class Body>
void parallel_for(int64_t count, int64_t cost, const Body& body) {
  constexpr int64_t worth_starting_threads = 16384;
  if (count * cost < worth_starting_threads || omp_in_parallel() || omp_get_max_threads() == 1) {
    body(int64_t{0}, count);
    return;
  }
  static Moment begin, end;
  begin.comes_after_this();
#pragma omp parallel
  {
    begin.is_over();
    const Range part = part_of(count, omp_get_num_threads(), omp_get_thread_num());
    body(part.begin, part.end);
    end.comes_after_this();
  }
  end.is_over();
}

}  // namespace shard
