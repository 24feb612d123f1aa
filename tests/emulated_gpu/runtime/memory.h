// The emulated GPUs' memory: one range of addresses, in which each allocation ends (up to CUDA's
// alignment) where inaccessible pages follow. Addresses are never reused, so that stale pointers
// are recognised.
#pragma once
#include <cstddef>
#include <map>
#include <string>

namespace emulated_gpu {

struct Allocation {
  char* begin;
  size_t bytes;
  char* pages;  // from here, `mapped` bytes were taken for it
  size_t mapped;
  int device;
  bool promised = false;    // a stream will free it
  bool accessible = false;  // just now
};

class DeviceMemory {
 public:
  DeviceMemory();
  /// Filled with 0xFF: NaN, as a float. nullptr if the device does not have enough.
  void* allocate(int device, size_t bytes);
  /// `address` is where a live allocation begins. The process ends if the space around it was
  /// written.
  void free(void* address);
  /// The live allocation that holds `address`, or nullptr.
  Allocation* find(const void* address);
  /// Whether a live allocation holds all `bytes` from `address`.
  bool holds(const void* address, size_t bytes);
  /// The same for a call that is made now: not if the memory has been promised to be freed.
  bool offers(const void* address, size_t bytes);
  bool contains(const void* address) const;

  size_t capacity() const { return capacity_; }  // bytes of each device
  size_t used(int device) const;
  size_t live_allocations() const { return live_.size(); }
  size_t live_bytes() const;

  // Accessible only while the device works: from open() on, until every holder has released it. An
  // allocation becomes accessible when it is touched: few of many are, and each costs two system
  // calls, some microseconds.
  void hold() { ++holders_; }
  void let_go();
  void open();
  /// Makes the live allocation accessible that `address` is in, if the memory is open. False if
  /// there is none.
  bool admit(const void* address);

  /// Why an access to `address` is wrong; empty if it is not in this memory.
  std::string explain(const char* address, bool by_device) const;

 private:
  using Allocations = std::map<const char*, Allocation>;  // by first page
  const Allocation* nearest(const char* address) const;
  void check_surroundings(const Allocation& allocation) const;

  char* base_;
  char* next_;
  size_t capacity_;
  int holders_ = 0;
  bool is_open_ = false;
  Allocations live_, freed_;
};

DeviceMemory& device_memory();

/// Memory that is opened while one of these exists stays open: one opening for all work of a queue.
struct Drain {
  Drain() { device_memory().hold(); }
  ~Drain() { device_memory().let_go(); }
  Drain(const Drain&) = delete;
};

/// The device's memory is accessible.
struct Access : Drain {
  Access() { device_memory().open(); }
};

/// Page-locked host memory, from cudaHostAlloc: begin and size of each.
std::map<const char*, size_t>& pinned_memory();
/// Whether `address` is in page-locked memory.
bool is_pinned(const void* address);

}  // namespace emulated_gpu
