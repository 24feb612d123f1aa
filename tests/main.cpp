// The test runner: doctest on every rank. Each rank runs the same tests. A failed CHECK is reported
// by its rank at once, and all verdicts are compared after each test; a failed REQUIRE or an
// exception ends all ranks at once, because the others may be inside a collective and would wait
// there.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "common/base/counted.h"
#include "common/program/machine.h"
#include "tests/test_world.h"

namespace shard {
namespace {

struct TestWorld {
  MpiSession& session;
  Machine machine;
  Ledger ledger;
  std::unique_ptr<Communicator> world, alone;
  bool passed = false;
  bool each = false;  // reports how each file of tests ended

  TestWorld(MpiSession& the_session, const std::string& device)
      : session(the_session),
        machine(session, device),
        world(machine.world(ledger)),
        alone(machine.alone(ledger)) {
    machine.backend().poison(true);
  }

  [[noreturn]] void end_all_ranks() { session.abort(1); }
};

TestWorld* here = nullptr;

/// " of an emulated GPU (…)" where it is not the CPU.
std::string of_device() {
  const Backend& device = here->machine.backend();
  return device.device() == Device::cpu ? "" : text(" of ", device.description());
}

bool is_sigterm(const doctest::TestCaseException& exception) {
  return exception.is_crash && std::string(exception.error_string.c_str()).starts_with("SIGTERM");
}

class RankReporter : public doctest::IReporter {
 public:
  explicit RankReporter(const doctest::ContextOptions& options) : options_(options) {}

  void log_assert(const doctest::AssertData& assertion) override {
    if (!assertion.m_failed || (assertion.m_at & doctest::assertType::is_warn) != 0) return;
    const bool expected_to_throw =
        (assertion.m_at &
         (doctest::assertType::is_throws | doctest::assertType::is_throws_as |
          doctest::assertType::is_throws_with | doctest::assertType::is_nothrow)) != 0;
    const bool threw = assertion.m_threw && !expected_to_throw;
    const char* name = doctest::assertString(assertion.m_at);
    say(assertion.m_file, assertion.m_line,
        text(name, "(", assertion.m_expr, ") ",
             assertion.m_threw   ? text("threw: ", assertion.m_exception.c_str())
             : expected_to_throw ? text("did not throw as expected")
                                 : text("is wrong: ", assertion.m_decomp.c_str())));
    if (threw || (assertion.m_at & doctest::assertType::is_require) != 0) here->end_all_ranks();
  }

  void log_message(const doctest::MessageData& message) override {
    if ((message.m_severity & doctest::assertType::is_warn) != 0) return;
    say(message.m_file, message.m_line, message.m_string.c_str());
    if ((message.m_severity & doctest::assertType::is_require) != 0) here->end_all_ranks();
  }

  void test_case_exception(const doctest::TestCaseException& exception) override {
    if (is_sigterm(exception)) std::_Exit(1);  // another rank has ended all and said why
    say(test_->m_file.c_str(), static_cast<int>(test_->m_line),
        text(exception.is_crash ? "crashed: " : "threw: ", exception.error_string.c_str()));
    here->end_all_ranks();
  }

  void test_case_start(const doctest::TestCaseData& test) override {
    if (here->each && (test_ == nullptr || test_->m_file != test.m_file)) {
      end_file();
      announce(text("== begin ", test.m_file.c_str()));
      alarm(limit_of_file);
      tests_ = assertions_ = failed_ = 0;
    }
    test_ = &test;
  }

  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    ++tests_;
    assertions_ += stats.numAssertsCurrentTest;
    failed_ += stats.numAssertsFailedCurrentTest;
    std::string where;
    int rank = 0;
    for (const std::string& failed :
         here->world->gather_text(std::to_string(stats.numAssertsFailedCurrentTest))) {
      if (failed != "0") where += text(where.empty() ? "" : ", ", failed, " on rank ", rank);
      ++rank;
    }
    if (!where.empty())
      announce(text("FAILED: \"", test_->m_name, "\": failed assertions: ", where));
  }

  void test_run_end(const doctest::TestRunStats& run) override {
    if (here->each) end_file();
    const double assertions = here->world->sum_of(run.numAsserts),
                 failed = here->world->sum_of(run.numAssertsFailed);
    const unsigned tests = run.numTestCasesPassingFilters;
    here->passed = failed == 0 && tests > 0 && assertions > 0;
    announce(tests == 0 ? "FAILED: no test matches" : verdict(tests, assertions, failed));
  }

  void report_query(const doctest::QueryData& query) override {
    here->passed = true;
    for (unsigned i = 0; i < query.num_data; ++i) {
      announce(options_.list_test_suites ? query.data[i]->m_test_suite : query.data[i]->m_name);
    }
    if (options_.help) {
      announce(
          "--test-suite=NAMES --test-case=NAMES --source-file=NAMES: only these tests (with * and "
          "commas)\n"
          "--device=cuda: on the GPU\n"
          "--each: tells how each file ended\n"
          "--list-test-suites --list-test-cases: their names; the other options are doctest's");
    }
  }

  void test_run_start() override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  static constexpr unsigned limit_of_file = 240;  // seconds

  static std::string verdict(double tests, double assertions, double failed) {
    return text(failed == 0 && assertions > 0 ? "passed: " : "FAILED: ", counted(tests, "test"),
                " on ", counted(here->world->size(), "rank"), of_device(), ", ",
                counted(assertions, "assertion"), ", ", failed, " of them failed");
  }

  /// Reports how the tests of the last file ended, over all ranks.
  void end_file() {
    if (test_ == nullptr) return;
    alarm(0);
    const double assertions = here->world->sum_of(assertions_),
                 failed = here->world->sum_of(failed_);
    announce(verdict(tests_, assertions, failed));
    announce(text("== end ", failed == 0 && assertions > 0 ? 0 : 1));
  }

  static void announce(const std::string& line) {
    if (here->world->rank() == 0) std::cout << line << std::endl;
  }

  /// One message of this rank, whole, with the test's name and its INFOs.
  void say(const char* file, int line, const std::string& what) const {
    std::ostringstream message;
    message << "rank " << here->world->rank() << ": " << file << ":" << line << ": in \""
            << test_->m_name << "\": " << what << "\n";
    for (int i = 0; i < get_num_active_contexts(); ++i) {
      message << "  with ";
      get_active_contexts()[i]->stringify(&message);
      message << "\n";
    }
    for (int i = get_num_stringified_contexts(); i > 0; --i) {
      message << "  with " << get_stringified_contexts()[i - 1].c_str() << "\n";
    }
    std::cerr << message.str() << std::flush;
  }

  const doctest::ContextOptions& options_;
  const doctest::TestCaseData* test_ = nullptr;
  int tests_ = 0, assertions_ = 0, failed_ = 0;  // of its file, on this rank
};

REGISTER_REPORTER("ranks", 1, RankReporter);

/// What follows "--device=" on the command line: cpu by default.
std::string device_of(int argc, char** argv) {
  constexpr std::string_view option = "--device=";
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).starts_with(option)) return argv[i] + option.size();
  }
  return "cpu";
}

bool all_pass(MpiSession& session, int argc, char** argv) {
  TestWorld test_world(session, device_of(argc, argv));
  here = &test_world;
  test_world.each = std::count(argv, argv + argc, std::string_view("--each")) > 0;
  doctest::Context context;
  context.setOption("reporters", "ranks");
  context.setOption("no-breaks", true);
  context.applyCommandLine(argc, argv);
  context.run();
  return test_world.passed;
}

}  // namespace

Communicator& world() { return *here->world; }
Communicator& alone() { return *here->alone; }
Backend& backend() { return here->machine.backend(); }
Ledger& ledger() { return here->ledger; }
MpiSession& session() { return here->session; }

void require_ranks(int least) {
  if (world().size() < least) FAIL("needs ", least, " ranks, but runs on ", world().size());
}

}  // namespace shard

int main(int argc, char** argv) {
  shard::MpiSession session;
  session.configure({.timeout = 20, .check_collectives = true});
  try {
    return shard::all_pass(session, argc, argv) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "rank " << session.rank() << ": " << error.what() << std::endl;
    session.abort(1);
  }
}
