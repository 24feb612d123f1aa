// Examiner: compares what a learner's function returned with what is right, and where it differs,
// looks for the mistake: a known wrong result, the right one plus a multiple of some term, a
// constant factor. It uses only the numbers.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <source_location>
#include <string>
#include <vector>

#include "common/check/reference.h"
#include "common/comm/communicator.h"
#include "common/tensor/ops.h"
#include "tests/exercises/watched_group.h"

namespace shard {

using reference::Matrix;

/// A mistake that the test recognises.
struct Suspect {
  /// The result is `wrong`, to rounding; this may have a different shape from the right one, and
  /// NaN for elements that were not written. Reported as: "your Y is " + diagnosis.
  static Suspect result(std::string diagnosis, Matrix wrong) {
    return {std::move(diagnosis), "", std::move(wrong)};
  }
  /// The result is the right one plus c × `term`, for some number c. Reported as: "your Y is the
  /// right Y plus 3 × bias: " + diagnosis. `when` narrows c down, if given.
  static Suspect extra(std::string term_name, Matrix term, std::string diagnosis,
                       std::function<bool(double)> when = nullptr) {
    return {std::move(diagnosis), std::move(term_name), std::move(term), std::move(when)};
  }

  std::string diagnosis;
  std::string term_name;  // empty: `matrix` is the whole wrong result
  Matrix matrix;
  std::function<bool(double)> when = nullptr;
};

/// What the ledger should hold of one collective: `calls` calls, and `bytes` in all (-1: any).
struct Wanted {
  Collective op;
  int64_t calls = 1;
  int64_t bytes = -1;
};

class WatchedBackend;
class Meeting;

/// What calls have returned: it must stay as it is, whatever is called later.
class Results {
 public:
  void keep(const std::string& name, const Tensor& result) { kept_.push_back({name, result, {}}); }
  /// Looks at the numbers.
  void remember();
  /// The name of a result whose numbers have changed since; "" if none has.
  std::string changed() const;

 private:
  struct Kept {
    std::string name;
    Tensor result;
    std::vector<float> values;
  };
  std::vector<Kept> kept_;
};

/// What an answer is examined with.
struct Equipment {
  WatchedBackend& backend;  // of both groups
  Communicator &world, &alone;
  Meeting& meeting;
  std::string exercise;  // "08.2"
  Results& results;      // of all rounds
};

/// Nothing more can be examined: the ranks are not in step.
struct CannotGoOn : Error {
  using Error::Error;
};

/// What a sentence about a wrong answer tells. They are shown in this order: what leads to the
/// mistake comes first.
enum class Tells {
  cause,      // what is wrong, and mostly why
  calls,      // other calls of collectives than the task's, or of other sizes
  bytes,      // messages of other sizes: not shown beside a cause, from which they follow
  difference  // a number that is not the right one
};

class Examiner {
 public:
  /// Of several rounds, each has random numbers of its own.
  Examiner(const Equipment& equipment, uint64_t round);
  ~Examiner();
  Examiner(const Examiner&) = delete;

  Communicator& world() { return watched_; }
  Communicator& alone() { return alone_; }
  Backend& backend() { return world_.backend(); }
  const Ledger& ledger() const { return world_.ledger(); }
  /// For the test itself: an answer that calls those of world() is wrong where the ledger is
  /// compared.
  double max_of(double value);
  double sum_of(double value);
  std::vector<std::string> gather_text(Communicator& group, const std::string& mine);
  /// `listener` is told of each matrix product of this test, when it is computed.
  void watch_products(std::function<void(const Tensor& c)> listener);
  /// `listener` is told of each sum of world(), when it is started and when it is waited for.
  void watch_sums(WatchedGroup::Listener listener) { watched_.listen(std::move(listener)); }
  /// The same of each all_gather and reduce_scatter.
  void watch_rows(WatchedGroup::RowsListener listener) {
    watched_.listen_to_rows(std::move(listener));
  }
  /// The same of each send_receive.
  void watch_exchanges(WatchedGroup::Listener listener) {
    watched_.listen_to_exchanges(std::move(listener));
  }

  /// Random numbers: the same on every rank, different for every name.
  Matrix random(int64_t rows, int64_t columns, std::string_view name, double deviation = 1.0) const;
  /// Small random whole numbers: sums of them are exact in any order.
  Matrix random_integers(int64_t rows, int64_t columns, std::string_view name,
                         int64_t largest = 9) const;
  /// An argument that the answer must leave as it is: verdict() compares. Messages list those of a
  /// call in the order of the source text; a compiler may create them in another.
  Tensor tensor(const Matrix& matrix, const std::string& name = "",
                std::source_location place = std::source_location::current());
  Tensor vector(const Matrix& row, const std::string& name = "",  // [columns], of one row
                std::source_location place = std::source_location::current());
  /// The same, but the answer may or must change it.
  Tensor variable(const Matrix& matrix);
  Tensor variable_vector(const Matrix& row);

  /// `got` on this rank is `expected` within `tolerance` (relative error); otherwise the suspects
  /// are tried in order. Of several that fit, the verdict prefers one that fits on all wrong ranks.
  void expect(const std::string& name, const Tensor& got, const Matrix& expected,
              const std::vector<Suspect>& suspects = {}, double tolerance = 1e-4);
  /// The same for a number.
  void expect(const std::string& name, double got, double expected,
              const std::vector<Suspect>& suspects = {}, double tolerance = 1e-6);
  /// `got` is not in the memory of an argument, where the task promises a new tensor.
  void expect_new(const std::string& name, const Tensor& got);
  /// The communication since `before` (a copy of ledger()) is exactly this. `of` says in the
  /// message which of an exercise's cases it is about.
  void expect_ledger(const std::string& name, const Ledger& before,
                     const std::vector<Wanted>& wanted, const std::string& of = "");
  /// The sentence about the answer's calls of gather_text, max_of and sum_of, or "": part of
  /// expect_ledger().
  std::string about_host_numbers();
  /// The matrix products since the last such expectation multiply at most this many elements on
  /// this rank; otherwise `advice` says how.
  void expect_products(const std::string& name, int64_t multiplications, const std::string& advice);
  /// `holds` on this rank; otherwise `diagnosis` is reported.
  void expect(const std::string& name, bool holds, const std::string& diagnosis);

  /// Collective: reports the verdicts since the last call (rank 0 prints), each diagnosis once, and
  /// in the order of Tells. Returns true if no result so far was wrong on any rank. examine() may
  /// call it where later checks make sense only if the earlier ones hold.
  bool verdict();
  /// Runs the `checks` of one case, or of one function of several. The ranks leave it together. An
  /// exception is reported with this name; if every rank has thrown one at the same point, what
  /// follows can be examined. Otherwise throws CannotGoOn. Collective.
  void attempt(const std::string& name, const std::function<void()>& checks);
  /// Whether all that verdict() has reported holds, and nothing was thrown.
  bool passes() const { return all_hold_ && !has_thrown_; }

 private:
  struct Finding {
    std::string name;
    std::vector<std::string> diagnoses;  // those that fit; none: it holds
    Tells tells = Tells::cause;
    bool is_thrown = false;
  };
  struct Argument {
    Tensor tensor;
    std::vector<float> values;
    std::string name;
    std::source_location place;
    std::string text() const;  // "a [6 × 20]"
  };
  struct Done {
    Collective op;
    int64_t bytes;
  };
  void expect_unchanged_arguments();
  std::string wrong_so_far() const;
  std::string arguments_text() const;
  std::string told(const std::string& name, const std::exception& error) const;
  bool all_have_thrown();
  Tensor add_argument(Argument argument);
  void find(const std::string& name, std::vector<std::string> diagnoses,
            Tells tells = Tells::cause);
  void find(const std::string& name, const std::string& diagnosis,  // "": it holds
            Tells tells = Tells::cause);
  std::string sizes_of(Collective op, int64_t first) const;

  WatchedBackend& backend_;
  Communicator& world_;
  WatchedGroup watched_;  // the same, for answers
  Communicator& alone_;
  Meeting& meeting_;
  Results& results_;
  std::string exercise_;
  uint64_t round_;
  std::vector<Argument> arguments_;
  size_t compared_ = 0;       // of the arguments: those of calls whose result has been looked at
  int64_t calls_before_;      // in the ledger, when this began
  std::vector<Done> done_;    // since then
  int64_t host_numbers_ = 0;  // asked for by the answer, and not told of
  int64_t calls_told_ = 0;    // all of these
  int64_t multiplications_;   // that have been looked at
  std::vector<Finding> findings_;
  std::set<std::string> holding_;  // the names that were shown as ok
  bool all_hold_ = true, has_thrown_ = false;
};

/// The test of an exercise: calls the learner's functions on every rank and states what it expects
/// of them.
extern "C" void examine(Examiner& examiner);

}  // namespace shard
