#include "common/program/interruption.h"

namespace shard {

static volatile std::sig_atomic_t asked = 0;

static void note(int signal) {
  asked = 1;
  std::signal(signal, SIG_DFL);
}

Interruption::Interruption() {
  asked = 0;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &interrupt_);
  sigaction(SIGTERM, &action, &terminate_);
  sigaction(SIGUSR1, &action, &user_);
}

Interruption::~Interruption() {
  sigaction(SIGINT, &interrupt_, nullptr);
  sigaction(SIGTERM, &terminate_, nullptr);
  sigaction(SIGUSR1, &user_, nullptr);
}

bool Interruption::asked_for(Communicator& world) { return world.max_of(asked) > 0; }

}  // namespace shard
