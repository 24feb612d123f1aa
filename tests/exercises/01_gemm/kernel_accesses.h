// What the memory accesses of a tiled kernel tell of it.
#pragma once
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "tests/emulated_gpu/accesses.h"

namespace shard {

using Accesses = std::vector<emulated_gpu::MemoryAccess>;

constexpr unsigned threads_of_warp = 32;
constexpr uintptr_t bytes_of_line = 128;  // what one transaction of global memory transfers at most

/// A matrix in global memory.
struct GlobalMatrix {
  std::string name;
  const float* begin;
  int64_t rows, columns;

  bool holds(const emulated_gpu::MemoryAccess& access) const {
    return access.is_global && access.address >= reinterpret_cast<const char*>(begin) &&
           access.address < reinterpret_cast<const char*>(begin + rows * columns);
  }
};

/// What the threads of a warp access at once: an instruction's n-th execution in each of them.
struct WarpStep {
  std::map<unsigned, const char*> addresses;  // by thread
  bool is_write = false;

  size_t lines() const {
    std::set<uintptr_t> touched;
    for (const auto& [thread, address] : addresses)
      touched.insert(reinterpret_cast<uintptr_t>(address) / bytes_of_line);
    return touched.size();
  }
  /// Floats from the first thread's address to the second one's.
  int64_t stride() const {
    const auto first = addresses.begin(), second = std::next(first);
    return std::abs(second->second - first->second) / static_cast<int64_t>(sizeof(float));
  }
};

inline std::vector<WarpStep> steps_in(const GlobalMatrix& matrix, const Accesses& accesses) {
  std::map<std::tuple<unsigned, unsigned, const void*>, size_t> executions;
  std::map<std::tuple<unsigned, unsigned, const void*, size_t>, WarpStep> steps;
  for (const auto& access : accesses) {
    if (!matrix.holds(access)) continue;
    const size_t turn = executions[{access.phase, access.thread, access.instruction}]++;
    const unsigned warp = access.thread / threads_of_warp;
    WarpStep& step = steps[{access.phase, warp, access.instruction, turn}];
    step.addresses[access.thread] = access.address;
    step.is_write = access.is_write;
  }
  std::vector<WarpStep> all;
  for (auto& [key, step] : steps) all.push_back(std::move(step));
  return all;
}

/// "" where the threads of a warp access adjacent elements of `matrix`, or nearly so: four floats
/// for each thread, or a few rows for each warp, are no mistake. Otherwise what they do.
inline std::string not_coalesced(const GlobalMatrix& matrix, const Accesses& accesses) {
  constexpr size_t most = 8;  // lines; a column takes one for each thread
  for (const WarpStep& step : steps_in(matrix, accesses)) {
    if (step.lines() <= most) continue;
    const int64_t stride = step.stride();
    const bool is_column = stride == matrix.columns;
    return text("not coalesced: the threads of a warp ", step.is_write ? "write " : "read ",
                is_column ? "down a column of " : "", matrix.name,
                ". Threads whose threadIdx.x differs by 1 access elements ", stride,
                " floats apart",
                is_column ? text(", the length of a row of ", matrix.name) : std::string(),
                ", and the warp needs ", step.lines(),
                " transactions of 128 bytes instead of one. Let threadIdx.x be the index along "
                "the row");
  }
  return "";
}

/// How often each element is read, on average.
inline double reads_of(const GlobalMatrix& matrix, const Accesses& accesses) {
  double bytes = 0;
  for (const auto& access : accesses)
    bytes += matrix.holds(access) && !access.is_write ? access.bytes : 0;
  return bytes / static_cast<double>(sizeof(float)) /
         static_cast<double>(matrix.rows * matrix.columns);
}

/// Which mistake it is that two threads access the same element of shared memory in no order given
/// by a barrier of the block, at least one of them writing; "" if none do.
inline std::string race_in_shared_memory(const Accesses& accesses) {
  constexpr int none = -1;
  struct Element {
    int writer = none, reader = none, other_reader = none;
  };
  std::unordered_map<const char*, Element> elements;  // that are written at all
  for (const auto& access : accesses) {
    if (access.is_write && !access.is_global) elements[access.address];
  }
  std::unordered_map<int, bool> begins_with_write;  // of a thread, since the last barrier
  unsigned phase = 0;
  for (const auto& access : accesses) {
    const auto found = access.is_global ? elements.end() : elements.find(access.address);
    if (found == elements.end()) continue;
    if (std::exchange(phase, access.phase) != access.phase) {
      for (auto& [address, element] : elements) element = {};
      begins_with_write.clear();
    }
    const int thread = access.thread;
    auto& [writer, reader, other_reader] = found->second;
    begins_with_write.try_emplace(thread, access.is_write);
    if (access.is_write && writer != none && writer != thread)
      return "several threads write the same element of a tile in shared memory";
    if (access.is_write)
      writer = thread;
    else if (reader == none || reader == thread)
      reader = thread;
    else
      other_reader = thread;
    const bool is_race = writer != none && ((reader != none && reader != writer) ||
                                            (other_reader != none && other_reader != writer));
    if (!is_race) continue;
    return begins_with_write[writer]
               ? "tiles are read before they are complete: a __syncthreads() is needed between the "
                 "copies and the products"
               : "tiles are overwritten before all have read them: a __syncthreads() is needed "
                 "between the products and the next copies";
  }
  return "";
}

}  // namespace shard
