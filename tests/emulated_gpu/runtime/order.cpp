#include "order.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>

#include "fault.h"

namespace emulated_gpu {

static std::mt19937_64 generator;

Order order_of_environment() {
  const char* order = std::getenv("SHARD_EMULATED_GPU_ORDER");
  if (order == nullptr || std::string(order) == "forward") return Order::forward;
  if (std::string(order) == "backward") return Order::backward;
  if (std::string(order) != "random") {
    fail(text("SHARD_EMULATED_GPU_ORDER=", order, ": forward, backward or random was expected"));
  }
  const uint64_t seed = setting("SHARD_EMULATED_GPU_SEED", std::random_device{}());
  std::fprintf(stderr, "emulated GPU: threads in random order, SHARD_EMULATED_GPU_SEED=%s\n",
               std::to_string(seed).c_str());
  generator.seed(seed);
  return Order::random;
}

size_t random_below(size_t bound) { return static_cast<size_t>(generator() % bound); }

void Shuffled::shuffle(size_t count) {
  numbers_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    numbers_[i] = static_cast<unsigned>(i);
    std::swap(numbers_[i], numbers_[random_below(i + 1)]);
  }
}

}  // namespace emulated_gpu
