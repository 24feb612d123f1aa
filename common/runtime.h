// Runtime: the ranks, the device and the options of one run. run() is what every main() does.
#pragma once
#include <functional>
#include <memory>

#include "common/backend.h"
#include "common/communicator.h"
#include "common/options.h"
#include "common/report.h"

namespace shard {

class MpiSession;

class Runtime {
 public:
  Runtime(const Options& options, MpiSession& session);
  ~Runtime();

  const Options& options() const { return options_; }
  Backend& backend() { return *backend_; }
  Communicator& world() { return *world_; }
  Ledger& ledger() { return ledger_; }
  /// A group of this rank alone: with it, every layer is its own unsplit reference. It has a ledger of its own.
  std::unique_ptr<Communicator> alone();
  /// The first output line: program, ranks, and where the numbers are made.
  std::string description() const;

 private:
  const Options& options_;
  MpiSession& session_;
  Ledger ledger_, ledger_of_alone_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Communicator> world_;
};

/// Starts the ranks, parses the command line, prints the first line, calls `body`, and returns the exit status: 0 all
/// checks hold, 1 a check or the run failed, 2 bad usage. An exception on one rank ends all ranks with its message.
int run(Options& options, int argc, char** argv, const std::function<void(Runtime&, Report&)>& body);

}  // namespace shard
