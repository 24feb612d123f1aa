// examine ANSWER.so: checks an answer to an exercise. The library holds the answer and the test of
// its exercise, examine(). Exit status: 0 right, 1 wrong, 3 not written yet.
// examine --each ANSWER.so…: checks several, one after the other. Rank 0 prints "== begin ANSWER"
// and "== end STATUS" around the output for each. An answer that crashes, or takes longer than
// `limit`, ends the program before its "== end".
#include <dlfcn.h>
#include <unistd.h>

#include <iostream>
#include <regex>
#include <utility>

#include "common/program/machine.h"
#include "exercises/todo.h"
#include "tests/exercises/examiner.h"
#include "tests/exercises/excluded_header.h"
#include "tests/exercises/meeting.h"
#include "tests/exercises/watched_backend.h"

using namespace shard;

namespace {

constexpr unsigned limit = 20;  // seconds, of one answer under --each
// a deadlock should be told of within ten seconds
constexpr MpiSettings settings{.timeout = 6, .check_collectives = true};

using Examine = void(Examiner&);

/// The test in this library. Throws Error.
Examine* test_in(const char* library) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void* test = handle != nullptr ? dlsym(handle, "examine") : nullptr;
  if (test == nullptr) throw Error(text("the answer cannot be loaded: ", dlerror()));
  return reinterpret_cast<Examine*>(test);
}

/// "08.2" of "build/exercises/mistake_08_2_no_maximum.so".
std::string exercise_in(const std::string& library) {
  std::smatch numbers;
  const std::string name = library.substr(library.rfind('/') + 1);
  if (!std::regex_search(name, numbers, std::regex("_(\\d\\d)_(\\d)"))) return "";
  return numbers[1].str() + "." + numbers[2].str();
}

/// Whether the answer is right in this round. Throws CannotGoOn, after it has told what was wrong
/// before.
bool passes(Examine* test, const Equipment& equipment, uint64_t round) {
  Examiner examiner(equipment, round);
  examiner.attempt("", [&] { test(examiner); });
  examiner.verdict();
  return examiner.passes();
}

/// Whether the results of the first round are still what they were. Collective.
bool stay_as_they_are(const Results& results, Communicator& world) {
  const std::string changed = results.changed();
  if (world.max_of(changed.empty() ? 0 : 1) == 0) return true;
  if (world.rank() == 0) {
    std::cout << "  WRONG your " << changed << " of the first call has changed in a later call: "
              << "do both return one buffer, as a static variable would be? Each call returns "
                 "memory of its own"
              << std::endl;
  }
  return false;
}

/// 0 right, 1 wrong, 3 not written yet. Collective.
int check(MpiSession& session, const char* library) {
  Ledger ledger, ledger_of_alone;
  auto cpu = std::make_unique<WatchedBackend>();
  WatchedBackend& backend = *cpu;
  Machine machine(session, std::move(cpu));
  const auto world = machine.world(ledger);
  const auto alone = machine.alone(ledger_of_alone);
  Meeting meeting(session, settings);
  Results results;
  const Equipment equipment{backend, *world, *alone, meeting, exercise_in(library), results};
  Examine* test = test_in(library);
  if (const auto headers = std::exchange(excluded_headers(), {}); !headers.empty()) {
    if (session.rank() == 0) {
      std::cout << "  WRONG your answer includes " << headers.front()
                << ", which declares what the task asks you to write: do it without" << std::endl;
    }
    return 1;
  }
  try {
    if (!passes(test, equipment, 0)) return 1;
    results.remember();
    if (passes(test, equipment, 1)) return stay_as_they_are(results, *world) ? 0 : 1;
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
  session.configure(settings);
  try {
    return check_all(session, argc, argv);
  } catch (const std::exception& error) {
    std::cout << "  WRONG rank " << session.rank() << ": " << error.what() << std::endl;
    session.abort(1);
  }
}
