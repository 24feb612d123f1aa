// Checks one exercise: its test, examine(), with the learner's file, a solution or a mistake linked
// to it. Exit status: 0 right, 1 wrong, 3 not written yet.
#include <iostream>

#include "common/program/machine.h"
#include "exercises/todo.h"
#include "tests/exercises/examiner.h"

using namespace shard;

static int check(MpiSession& session) {
  constexpr double timeout = 6;  // seconds: a deadlock should be told of within ten
  session.configure(timeout, true);
  Ledger ledger, ledger_of_alone;
  Machine machine(session, "cpu");
  machine.backend().poison(true);
  const auto world = machine.world(ledger);
  const auto alone = machine.alone(ledger_of_alone);
  Examiner examiner(*world, *alone);
  examine(examiner);
  return examiner.verdict() ? 0 : 1;
}

int main() {
  MpiSession session;
  try {
    return check(session);
  } catch (const NotWritten& open) {
    if (session.rank() == 0) std::cout << "  " << open.what() << std::endl;
    return 3;
  } catch (const std::exception& error) {
    std::cout << "  WRONG rank " << session.rank() << ": " << error.what() << std::endl;
    session.abort(1);
  }
}
