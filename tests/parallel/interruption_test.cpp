// Signals that arrive while products are computed.
// Ranks: 1. CPU only.
#include "common/program/interruption.h"

#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/test_support.h"

using namespace shard;

static struct sigaction action_of(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action;
}

TEST_CASE("interruption: signals in the middle of a product leave all else as it was") {
  const Tensor x = tensor(random_matrix(192, 192, "x")), a = tensor(random_matrix(192, 48, "a"));
  const std::vector<float> expected = matmul(x, a).to_host();
  const Interruption interruption;
  CHECK(!Interruption::asked_for(alone()));
  std::atomic<bool> sent = false;
  const std::jthread sender([&] {
    const struct sigaction recording = action_of(SIGUSR1);
    for (int i = 0; i < 10000; ++i) {
      kill(getpid(), SIGUSR1);
      while (action_of(SIGUSR1).sa_handler != SIG_DFL) std::this_thread::yield();
      sigaction(SIGUSR1, &recording, nullptr);  // a second signal would end the program
    }
    sent = true;
  });
  while (!sent) REQUIRE(matmul(x, a).to_host() == expected);
  CHECK(Interruption::asked_for(alone()));
}
