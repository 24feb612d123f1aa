// Runtime: the ranks, the device and the options of one run. Every main() calls run().
#pragma once
#include <functional>
#include <memory>

#include "common/program/machine.h"
#include "common/program/options.h"
#include "common/program/report.h"

namespace shard {

/// Passed by run() to a program; valid until its body returns.
class Runtime {
 public:
  /// Finds the device and connects the ranks. Throws UsageError if the device given by --device is
  /// not available. Collective.
  Runtime(const Options& options, MpiSession& session);
  ~Runtime();

  const Options& options() const { return options_; }
  Backend& backend() { return machine_.backend(); }  // this rank's device
  Communicator& world() { return *world_; }          // all ranks
  Ledger& ledger() { return ledger_; }  // of world and of the groups that it is split into
  /// A group of only this rank: a layer with this group is its own unsplit reference. It has a
  /// separate ledger.
  std::unique_ptr<Communicator> alone();
  /// The first line of the output: program, ranks, and device.
  std::string description() const;

 private:
  const Options& options_;
  Machine machine_;
  Ledger ledger_, ledger_of_alone_;
  std::unique_ptr<Communicator> world_;
};

/// Starts the ranks, parses the command line, prints the first line, calls `body`, and returns the
/// exit status: 0 all checks hold, 1 a check or the run failed, 2 bad usage. An exception on one
/// rank ends all ranks, with its message.
int run(Options& options, int argc, char** argv,
        const std::function<void(Runtime&, Report&)>& body);

}  // namespace shard
