#include "fault.h"

#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "grid.h"
#include "memory.h"

namespace emulated_gpu {
namespace {

const char* doing = nullptr;
struct sigaction of_program_segv, of_program_bus;

std::string indices(const uint3& index) {
  return text("(", index.x, ", ", index.y, ", ", index.z, ")");
}

std::string running() {
  if (const Launch* launch = running_launch()) {
    return text("kernel ", kernel_name(launch->kernel), ", block ", indices(here.block),
                ", thread ", indices(here.thread), ": ");
  }
  return doing != nullptr ? text(doing, ": ") : "";
}

bool runs_on_device() { return running_launch() != nullptr || doing != nullptr; }

/// Empty if the address is none of the emulated GPU's.
std::string explanation(const char* address) {
  std::string found = device_memory().explain(address, runs_on_device());
  if (found.empty()) found = explain_block_memory(address);
  if (found.empty() && running_launch() != nullptr) {
    found = reinterpret_cast<uintptr_t>(address) < 4096
                ? "a null pointer was dereferenced"
                : text("illegal address ", static_cast<const void*>(address));
  }
  return found;
}

void on_fault(int signal, siginfo_t* info, void*) {
  if (device_memory().admit(info->si_addr)) return;  // and the access is tried again
  const std::string found = explanation(static_cast<const char*>(info->si_addr));
  if (!found.empty()) fail(found);
  // it faults again there
  sigaction(signal, signal == SIGSEGV ? &of_program_segv : &of_program_bus, nullptr);
}

/// A thread whose stack has run over needs another one for the handler.
void use_stack_of_its_own() {
  static const std::unique_ptr<char[]> memory(new char[1 << 16]);
  stack_t stack{}, present{};
  sigaltstack(nullptr, &present);
  if ((present.ss_flags & SS_DISABLE) == 0) return;
  stack.ss_sp = memory.get();
  stack.ss_size = 1 << 16;
  sigaltstack(&stack, nullptr);
}

void handle(int signal, struct sigaction& of_program) {
  struct sigaction present {};
  sigaction(signal, nullptr, &present);
  if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_fault) return;
  of_program = present;
  struct sigaction ours {};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(signal, &ours, nullptr);
}

}  // namespace

void fail(const std::string& what) {
  const std::string sentence = "emulated GPU: " + running() + what + "\n";
  size_t written = 0;
  while (written < sentence.size()) {
    const ssize_t step = write(STDERR_FILENO, sentence.data() + written, sentence.size() - written);
    if (step <= 0) break;
    written += static_cast<size_t>(step);
  }
  _exit(1);
}

void explain_faults() {
  use_stack_of_its_own();
  handle(SIGSEGV, of_program_segv);
  handle(SIGBUS, of_program_bus);
}

Doing::Doing(const char* call) : before_(doing) { doing = call; }
Doing::~Doing() { doing = before_; }

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* wanted = std::getenv(name);
  if (wanted == nullptr) return otherwise;
  uint64_t number = 0;
  const char* end = wanted + std::strlen(wanted);
  const auto [stopped, error] = std::from_chars(wanted, end, number);
  if (error != std::errc() || stopped != end)
    fail(text(name, "=", wanted, ": a whole number was expected"));
  return number;
}

const char* file_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

}  // namespace emulated_gpu
