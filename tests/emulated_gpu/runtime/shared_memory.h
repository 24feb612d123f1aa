// A block's dynamic shared memory, between inaccessible pages.
#pragma once
#include <cstddef>
#include <string>

namespace emulated_gpu {

class SharedMemory {
 public:
  SharedMemory();
  /// For a launch with these bytes for each block.
  void resize(size_t bytes);
  /// Filled with NaN, for a block that starts.
  void poison();
  /// Ends the process if the bytes between the memory's end and the next page were written.
  void check() const;
  void* begin() const { return begin_; }
  std::string explain(const char* address) const;

 private:
  char *base_, *end_, *begin_;
  size_t bytes_ = 0;
};

}  // namespace emulated_gpu
