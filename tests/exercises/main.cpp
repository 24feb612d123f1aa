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

/// 0 right, 1 wrong, 3 not written yet. Collective.
int check(MpiSession& session, const char* library) {
  Ledger ledger, ledger_of_alone;
  Machine machine(session, "cpu");
  machine.backend().poison(true);
  const auto world = machine.world(ledger);
  const auto alone = machine.alone(ledger_of_alone);
  Examiner examiner(*world, *alone);
  try {
    test_in(library)(examiner);
    return examiner.verdict() ? 0 : 1;
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
