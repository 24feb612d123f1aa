// Runtime: the ranks, the device and the options of one run. run() is what every main() does.
#pragma once
#include <functional>
#include <memory>

#include "common/program/machine.h"
#include "common/program/options.h"
#include "common/program/report.h"

namespace shard {

/// What run() hands to a program: valid until its body returns.
class Runtime {
 public:
  /// Finds the device and joins the ranks. Throws UsageError where --device asks for what is not
  /// there. Collective.
  Runtime(const Options& options, MpiSession& session);
  ~Runtime();

  const Options& options() const { return options_; }  // as they were parsed
  Backend& backend() { return machine_.backend(); }    // this rank's device
  Communicator& world() { return *world_; }            // all ranks
  Ledger& ledger() { return ledger_; }  // of world and of the groups that it is split into
  /// A group of this rank alone: with it, every layer is its own unsplit reference. It has a ledger
  /// of its own.
  std::unique_ptr<Communicator> alone();
  /// The first output line: program, ranks, and where the numbers are made.
  std::string description() const;

 private:
  const Options& options_;
  Machine machine_;
  Ledger ledger_, ledger_of_alone_;
  std::unique_ptr<Communicator> world_;
};

/// Starts the ranks, parses the command line, prints the first line, calls `body`, and returns the
/// exit status: 0 all checks hold, 1 a check or the run failed, 2 bad usage. An exception on one
/// rank ends all ranks with its message.
int run(Options& options, int argc, char** argv,
        const std::function<void(Runtime&, Report&)>& body);

}  // namespace shard
