#include "common/program/interruption.h"

namespace shard {

static constexpr int signals[] = {SIGINT, SIGTERM, SIGUSR1};
static volatile std::sig_atomic_t asked = 0;

static void note(int signal) {
  asked = 1;
  std::signal(signal, SIG_DFL);
}

Interruption::Interruption() {
  asked = 0;
  stack_t stack{};
  stack.ss_sp = stack_.data();
  stack.ss_size = stack_.size();
  sigaltstack(&stack, &previous_stack_);
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  for (size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &action, &previous_[i]);
}

Interruption::~Interruption() {
  for (size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &previous_[i], nullptr);
  sigaltstack(&previous_stack_, nullptr);
}

bool Interruption::asked_for(Communicator& world) { return world.max_of(asked) > 0; }

}  // namespace shard
