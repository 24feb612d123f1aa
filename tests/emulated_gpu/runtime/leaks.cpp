#include "leaks.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "fault.h"
#include "memory.h"
#include "stream.h"

namespace emulated_gpu {
namespace {

std::string counted(size_t number, const char* what) {
  return text(number, " ", what, number == 1 ? "" : "s");
}

std::string leaks() {
  const auto memory = device_memory().live_allocations();
  std::string all;
  const auto add = [&all](size_t number, const char* what) {
    if (number > 0) all += (all.empty() ? "" : ", ") + counted(number, what);
  };
  add(memory, "allocation");
  if (memory > 0)
    all += text(" of device memory (", counted(device_memory().live_bytes(), "byte"), ")");
  add(pinned_memory().size(), "block of page-locked memory");
  add(live_streams(), "stream");
  add(live_events(), "event");
  add(live_cublas_handles(), "cuBLAS handle");
  add(live_cublas_lt_objects(), "object of cuBLASLt");
  add(live_nccl_communicators(), "NCCL communicator");
  add(live_ranges(), "range of NVTX");
  return all;
}

void at_exit(int status, void*) {
  if (status != 0) return;
  const std::string found = leaks();
  if (found.empty()) return;
  std::cout.flush();
  std::fflush(nullptr);
  fail("the process ends and has not given back: " + found);
}

}  // namespace

void report_leaks_at_exit() {
  static const bool registered = on_exit(at_exit, nullptr) == 0;
  static_cast<void>(registered);
}

}  // namespace emulated_gpu
