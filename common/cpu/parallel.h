// parallel_for: the one way in which the CPU's loops use threads.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "common/base/partition.h"
#include "common/cpu/thread_memory.h"
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

/// sums[0 … count-1] += what add_rows(sums, begin, end) adds for all rows. Each thread reads its
/// own part of the rows, the one that parallel_for gives it as well, and adds to sums of its own,
/// which are added at the end: writing to memory that another core has read takes many times as
/// long. `cost`: operations per row.
template <class AddRows>
void add_over_rows(float* sums, int64_t count, int64_t rows, int64_t cost,
                   const AddRows& add_rows) {
  const int64_t parts = omp_in_parallel() ? 1 : omp_get_max_threads();
  float* const others = thread_memory<AddRows>((parts - 1) * count);  // of all parts but the first
  parallel_for(parts, rows / parts * cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* const mine = i == 0 ? sums : others + (i - 1) * count;
      if (i > 0) std::fill_n(mine, count, 0.0f);
      const Range part = part_of(rows, static_cast<int>(parts), static_cast<int>(i));
      add_rows(mine, part.begin, part.end);
    }
  });
  parallel_for(count, parts, [&](int64_t begin, int64_t end) {
    for (int64_t i = 1; i < parts; ++i) {
      const float* const other = others + (i - 1) * count;
      for (int64_t j = begin; j < end; ++j) sums[j] += other[j];
    }
  });
}

}  // namespace shard
