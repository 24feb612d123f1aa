#include "common/runtime.h"

#include <iostream>

#include "common/files.h"
#include "common/mpi/session.h"
#include "common/trace.h"

namespace shard {
namespace {

std::unique_ptr<Backend> choose_backend(const Options& options, const MpiSession& session) {
  require_usage(options.device != "cuda", "--device cuda: this build has no CUDA");
  return make_cpu_backend(session.threads_per_rank());
}

int run_in(MpiSession& session, Options& options, int argc, char** argv,
           const std::function<void(Runtime&, Report&)>& body) {
  if (!options.parse(argc, argv)) {
    if (session.rank() == 0) std::cout << options.help() << std::flush;
    return 0;
  }
  session.configure(options.timeout, options.check_collectives);
  Runtime runtime(options, session);
  Report report(runtime);
  require_writable(runtime.world(), "--json", options.json);
  require_writable(runtime.world(), "--trace", options.trace);
  report.line(runtime.description());
  if (!options.trace.empty()) start_trace();
  body(runtime, report);
  if (!options.trace.empty()) write_trace(runtime.world(), options.trace);
  return report.finish();
}

}  // namespace

Runtime::Runtime(const Options& options, MpiSession& session)
    : options_(options),
      session_(session),
      backend_(choose_backend(options, session)),
      world_(session.world(*backend_, ledger_)) {}

Runtime::~Runtime() = default;

std::unique_ptr<Communicator> Runtime::alone() { return session_.alone(*backend_, ledger_of_alone_); }

std::string Runtime::description() const {
  return text(options_.name(), ": ", world_->size(), world_->size() == 1 ? " rank on " : " ranks on ",
              backend_->description(), "; collectives by ", MpiSession::library());
}

int run(Options& options, int argc, char** argv, const std::function<void(Runtime&, Report&)>& body) {
  MpiSession session;
  try {
    return run_in(session, options, argc, argv, body);
  } catch (const UsageError& error) {
    // Bad usage is the same on every rank, and rank 0 speaks for all; a rank that is alone with it speaks itself.
    if (session.rank() == 0 || !session.rank_0_leaves_too())
      std::cerr << options.name() << ": " << error.what() << std::endl;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "rank " << session.rank() << ": " << error.what() << std::endl;
    session.abort(1);
  }
}

}  // namespace shard
