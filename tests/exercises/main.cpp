// examine ANSWER.so: checks an answer to an exercise. The library holds the answer and the test of
// its exercise, examine(). Exit status: 0 right, 1 wrong, 3 not written yet.
// examine --each ANSWER.so…: checks several, one after the other. Rank 0 prints "== begin ANSWER"
// and "== end STATUS" around the output for each. An answer that crashes, or takes longer than
// `limit`, ends the program before its "== end".
#include <dlfcn.h>
#include <unistd.h>

#include <iostream>

#include "common/program/machine.h"
#include "exercises/todo.h"
#include "tests/exercises/examiner.h"
#include "tests/exercises/watched_backend.h"

using namespace shard;

namespace {

constexpr unsigned limit = 20;  // seconds, of one answer under --each

using Examine = void(Examiner&);

/// The test in this library. Throws Error.
Examine* test_in(const char* library) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void* test = handle != nullptr ? dlsym(handle, "examine") : nullptr;
  if (test == nullptr) throw Error(text("the answer cannot be loaded: ", dlerror()));
  return reinterpret_cast<Examine*>(test);
}

/// "rank 1 has returned from your function; rank 0 waits in all_reduce of 45 f32", of an error that
/// lists different calls of which one is gather_text, the examiner's own first call.
std::string explained(const std::string& message) {
  constexpr std::string_view introduction = "call different collectives: rank ",
                             own_call = ": gather_text (#", separator = ", rank ";
  const size_t list = message.find(introduction);
  if (list == std::string::npos || message.find(own_call) == std::string::npos) return message;
  std::string returned, waiting;
  std::string_view calls = std::string_view(message).substr(list + introduction.size());
  while (!calls.empty()) {
    const size_t end = std::min(calls.find(separator), calls.size());
    const std::string_view call = calls.substr(0, end), rank = call.substr(0, call.find(':'));
    if (call.find(own_call) != std::string_view::npos) {
      returned += text(returned.empty() ? "" : ", ", "rank ", rank);
    } else {
      const std::string_view what = call.substr(rank.size() + 2);
      waiting += text(waiting.empty() ? "" : ", ", "rank ", rank, " waits in ",
                      what.substr(0, what.find(" (#")));
    }
    calls.remove_prefix(std::min(end + separator.size(), calls.size()));
  }
  return text(returned, returned.find(',') == std::string::npos ? " has" : " have",
              " returned from your function; ", waiting);
}

/// Whether the answer is right in this round. Throws Error, after it has told what was wrong before.
bool passes(Examine* test, WatchedBackend& backend, Communicator& world, Communicator& alone,
            uint64_t round) {
  Examiner examiner(backend, world, alone, round);
  try {
    test(examiner);
    return examiner.verdict();
  } catch (const NotWritten&) {
    throw;
  } catch (const std::exception& error) {
    std::cout << examiner.wrong_so_far() << std::flush;
    throw Error(explained(error.what()) + examiner.arguments_text());
  }
}

/// 0 right, 1 wrong, 3 not written yet. Collective.
int check(MpiSession& session, const char* library) {
  Ledger ledger, ledger_of_alone;
  auto cpu = std::make_unique<WatchedBackend>();
  WatchedBackend& backend = *cpu;
  Machine machine(session, std::move(cpu));
  const auto world = machine.world(ledger);
  const auto alone = machine.alone(ledger_of_alone);
  Examine* test = test_in(library);
  try {
    if (!passes(test, backend, *world, *alone, 0)) return 1;
    if (passes(test, backend, *world, *alone, 1)) return 0;
    if (session.rank() == 0) {
      std::cout << "        Your function was called again, with other numbers; the first call was "
                   "right. Does it keep something from it, as in a static variable?"
                << std::endl;
    }
    return 1;
  } catch (const NotWritten& open) {
    if (session.rank() == 0) std::cout << "  " << open.what() << std::endl;
    return 3;
  }
}

int check_all(MpiSession& session, int argc, char** argv) {
  if (argc == 2) return check(session, argv[1]);
  for (int i = 2; i < argc; ++i) {
    if (session.rank() == 0) std::cout << "== begin " << argv[i] << std::endl;
    alarm(limit);
    const int status = check(session, argv[i]);
    alarm(0);
    if (session.rank() == 0) std::cout << "== end " << status << std::endl;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  MpiSession session;
  constexpr double timeout = 6;  // seconds: a deadlock should be told of within ten
  session.configure({.timeout = timeout, .check_collectives = true});
  try {
    return check_all(session, argc, argv);
  } catch (const std::exception& error) {
    std::cout << "  WRONG rank " << session.rank() << ": " << error.what() << std::endl;
    session.abort(1);
  }
}
