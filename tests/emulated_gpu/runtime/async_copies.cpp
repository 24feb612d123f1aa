// A copy takes place at any time between its start and the wait for it. Here its destination is NaN
// from the start on, and the bytes arrive when they are waited for: code that reads them too early,
// or starts a copy into a buffer that others still read, gives NaN.
#include "async_copies.h"

#include <array>
#include <cstring>
#include <deque>

#include "fault.h"
#include "grid.h"
#include "memory.h"

namespace emulated_gpu {
namespace {

constexpr size_t bytes_of_copy = 16;
constexpr const char* operation = "cp.async";

struct Copy {
  void* to;
  const void* from;  // nullptr: zeros
};

/// A thread's copies in the order of their start. `groups` are the numbers of copies between two
/// commits; those after the last commit belong to no group yet.
struct Copies {
  std::deque<Copy> started;
  std::deque<size_t> groups;
  size_t uncommitted = 0;
};

std::array<Copies, threads_of_block_at_most> copies_of_thread;
size_t under_way = 0;  // copies and groups of all threads

Copies& copies() { return copies_of_thread[here.number]; }

void check_address(const void* address, const char* name, bool in_device_memory, Location where) {
  const auto past = reinterpret_cast<uintptr_t>(address) % bytes_of_copy;
  if (past != 0)
    fail_at(operation, where, text("its ", name, " is ", past, " bytes past a multiple of 16"));
  if (device_memory().contains(address) != in_device_memory) {
    fail_at(operation, where,
            text("its ", name, " is not in ", in_device_memory ? "device" : "shared", " memory"));
  }
}

}  // namespace

void copy_async(void* to, const void* from, bool valid, Location where) {
  check_address(to, "destination", false, where);
  check_address(from, "source", true, where);
  std::memset(to, 0xFF, bytes_of_copy);
  copies().started.push_back({to, valid ? from : nullptr});
  ++copies().uncommitted;
  ++under_way;
}

void commit_copies() {
  copies().groups.push_back(copies().uncommitted);
  copies().uncommitted = 0;
  ++under_way;
}

void wait_for_copies(int groups_left) {
  Copies& mine = copies();
  for (; mine.groups.size() > static_cast<size_t>(groups_left); mine.groups.pop_front()) {
    --under_way;
    for (size_t i = 0; i < mine.groups.front(); ++i) {
      const Copy copy = mine.started.front();
      copy.from != nullptr ? std::memcpy(copy.to, copy.from, bytes_of_copy)
                           : std::memset(copy.to, 0, bytes_of_copy);
      mine.started.pop_front();
      --under_way;
    }
  }
}

void check_that_copies_have_ended() {
  if (under_way == 0) return;
  Copies& mine = copies();
  if (!mine.started.empty())
    fail(text("has ended, but has not waited for ", mine.started.size(), " asynchronous copies"));
  under_way -= mine.groups.size();  // empty ones
  mine.groups.clear();
}

}  // namespace emulated_gpu
