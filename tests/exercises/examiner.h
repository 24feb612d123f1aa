// Examiner: compares what a learner's function returned with what is right, and where it differs,
// looks for the mistake: a known wrong result, the right one plus a multiple of some term, a
// constant factor. It uses only the numbers.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/check/reference.h"
#include "common/comm/communicator.h"
#include "common/tensor/ops.h"

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

class Examiner {
 public:
  /// Of several rounds, each has random numbers of its own.
  Examiner(Communicator& world, Communicator& alone, uint64_t round = 0)
      : world_(world), alone_(alone), round_(round) {}

  Communicator& world() { return world_; }
  Communicator& alone() { return alone_; }
  Backend& backend() { return backend_ ? *backend_ : world_.backend(); }
  Ledger& ledger() { return world_.ledger(); }
  /// Makes the tensors from now on: one that watches what is done with them.
  void use(std::unique_ptr<Backend> backend) { backend_ = std::move(backend); }

  /// Random numbers: the same on every rank, different for every name.
  Matrix random(int64_t rows, int64_t columns, std::string_view name, double deviation = 1.0) const;
  /// Small random whole numbers: sums of them are exact in any order.
  Matrix random_integers(int64_t rows, int64_t columns, std::string_view name,
                         int64_t largest = 9) const;
  /// An argument that the answer must leave as it is: verdict() compares.
  Tensor tensor(const Matrix& matrix);
  Tensor vector(const Matrix& row);  // [columns], of a matrix of one row
  /// The same, but the answer may or must change it.
  Tensor variable(const Matrix& matrix);
  Tensor variable_vector(const Matrix& row);

  /// `got` on this rank is `expected` within `tolerance` (relative error); otherwise the suspects
  /// are tried in order.
  void expect(const std::string& name, const Tensor& got, const Matrix& expected,
              const std::vector<Suspect>& suspects = {}, double tolerance = 1e-4);
  /// The same for a number.
  void expect(const std::string& name, double got, double expected,
              const std::vector<Suspect>& suspects = {}, double tolerance = 1e-6);
  /// The communication since `before` (a copy of ledger()) is exactly this.
  void expect_ledger(const std::string& name, const Ledger& before,
                     const std::vector<Wanted>& wanted);
  /// `holds` on this rank; otherwise `diagnosis` is reported.
  void expect(const std::string& name, bool holds, const std::string& diagnosis);

  /// Collective: reports the verdicts since the last call (rank 0 prints), each diagnosis once.
  /// Returns true if all so far hold on every rank. examine() may call it where later checks make
  /// sense only if the earlier ones hold.
  bool verdict();
  /// What has been found wrong on this rank since the last verdict, where there will be none
  /// because of an exception: one line each.
  std::string wrong_so_far() const;

 private:
  struct Finding {
    std::string name, diagnosis;  // an empty diagnosis: it holds
  };
  struct Argument {
    Tensor tensor;
    std::vector<float> values;
  };
  void expect_unchanged_arguments();

  Communicator& world_;
  Communicator& alone_;
  uint64_t round_;
  std::unique_ptr<Backend> backend_;
  std::vector<Argument> arguments_;
  std::vector<Finding> findings_;
  bool all_hold_ = true;
};

/// The test of an exercise: calls the learner's functions on every rank and states what it expects
/// of them.
extern "C" void examine(Examiner& examiner);

}  // namespace shard
