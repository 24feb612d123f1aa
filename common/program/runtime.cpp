#include "common/program/runtime.h"

#include <iostream>

#include "common/base/counted.h"
#include "common/base/process.h"
#include "common/draw/trace_picture.h"
#include "common/program/output_files.h"

namespace shard {
namespace {

/// The counterpart of write_trace for FILE.svg: draws the timeline, and prints it as text.
/// Collective.
void draw_trace(Communicator& world, Report& report, const std::string& file) {
  const Timeline timeline = timeline_of(gather_trace(world));
  report.heading("The timeline: the last step, or the whole run if it has no steps");
  report.line(timeline.in_characters());
  if (world.rank() == 0) picture_of(timeline).drawn().write("--trace", file);
  report.line("\n  the timeline: " + file);
}

int run_in(MpiSession& session, Options& options, int argc, char** argv,
           const std::function<void(Runtime&, Report&)>& body) {
  if (!options.parse(argc, argv)) {
    if (session.rank() == 0) std::cout << options.help() << std::flush;
    return 0;
  }
  session.configure({.timeout = options.timeout,
                     .check_collectives = options.check_collectives,
                     .synchronous_sends = options.synchronous_sends});
  Runtime runtime(options, session);
  Report report(runtime.world(), options);
  require_writable(runtime.world(), "--json", options.json);
  require_writable(runtime.world(), "--trace", options.trace);
  require_writable(runtime.world(), "--picture", options.picture);
  report.line(runtime.description());
  if (!options.trace.empty()) start_trace();
  body(runtime, report);
  runtime.backend().synchronize();  // pending work on a GPU may still fail
  if (options.trace.ends_with(".svg")) {
    draw_trace(runtime.world(), report, options.trace);
  } else if (!options.trace.empty()) {
    write_trace(runtime.world(), options.trace);
  }
  const int status = report.finish();
  session.leaves();
  return status;
}

}  // namespace

Runtime::Runtime(const Options& options, MpiSession& session)
    : options_(options), machine_(session, options.device), world_(machine_.world(ledger_)) {}

Runtime::~Runtime() = default;

std::unique_ptr<Communicator> Runtime::alone() { return machine_.alone(ledger_of_alone_); }

std::string Runtime::description() const {
  return text(options_.name(), ": ", counted(world_->size(), "rank"), " on ",
              machine_.description());
}

int run(Options& options, int argc, char** argv,
        const std::function<void(Runtime&, Report&)>& body) {
  keep_standard_streams();
  try {
    allow_open_files();
  } catch (const UsageError& error) {
    if (MpiSession::is_first()) std::cerr << text(options.name(), ": ", error.what(), "\n");
    return 2;
  }
  MpiSession session;
  try {
    const int status = run_in(session, options, argc, argv, body);
    require_printed();
    return status;
  } catch (const UsageError& error) {
    // Bad usage is usually found by every rank, and only rank 0 prints the message. A rank that is
    // the only one to find it prints the message itself.
    if (session.rank() == 0 || !session.rank_0_leaves_too())
      std::cerr << text(options.name(), ": ", error.what(), "\n")
                << std::flush;  // at once: other ranks write as well
    return 2;
  } catch (const std::exception& error) {
    std::cerr << text("rank ", session.rank(), ": ", error.what(), "\n") << std::flush;
    if (session.size() == 1) return 1;  // MPI_Abort is not needed, and would print a long message
    session.abort(1);
  }
}

}  // namespace shard
