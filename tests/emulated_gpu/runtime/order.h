// In which order blocks, and the threads of a block, run, as SHARD_EMULATED_GPU_ORDER names it:
// from the first to the last, from the last to the first, or at random. Of two accesses to memory
// that no barrier orders, another one comes first in another order.
#pragma once
#include <cstddef>
#include <vector>

namespace emulated_gpu {

enum class Order { forward, backward, random };

/// Reads the environment. A random order begins with SHARD_EMULATED_GPU_SEED, or else with a seed
/// that no other run has; it is printed, so that the run can be repeated.
Order order_of_environment();

/// The next random number, from 0 to bound - 1.
size_t random_below(size_t bound);

/// The numbers 0 … count - 1, in a random order.
class Shuffled {
 public:
  void shuffle(size_t count);
  unsigned operator[](size_t i) const { return numbers_[i]; }

 private:
  std::vector<unsigned> numbers_;
};

}  // namespace emulated_gpu
