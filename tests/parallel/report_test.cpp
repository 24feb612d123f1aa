// What a run reports: one verdict for all ranks, the output of rank 0 alone, and the files for
// --json and --trace.
#include "common/program/report.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/comm/trace.h"
#include "common/mpi/session.h"
#include "common/program/runtime.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

/// For a run on the device of the tests.
struct OptionsHere : Options {
  OptionsHere() : Options("05_parallel_mlp", "a program") {
    device = backend().device() == Device::cpu ? "cpu" : "cuda";
  }
};

/// A run of a program whose output is kept.
struct Run {
  OptionsHere options;
  std::ostringstream said;
  std::streambuf* console = std::cout.rdbuf(said.rdbuf());
  Runtime runtime{options, session()};
  Report report{runtime.world(), options};
  ~Run() { std::cout.rdbuf(console); }
};

/// Rank 0's name for a file that does not exist yet, on every rank.
std::string new_file() {
  const std::string mine =
      std::filesystem::temp_directory_path() / text("shard_report_test_", getpid(), ".json");
  return world().gather_text(mine)[0];
}

nlohmann::json content_of(const std::string& file) {
  world().barrier();
  std::ifstream stream(file);
  nlohmann::json content = nlohmann::json::parse(stream);
  world().barrier();
  if (world().rank() == 0) std::filesystem::remove(file);
  return content;
}

int last_rank() { return world().size() - 1; }
double on_last_rank(double value) { return world().rank() == last_rank() ? value : 0.0; }

}  // namespace

TEST_CASE("report: a check holds only if it holds on every rank, and NaN never does") {
  {
    Run run;
    run.report.check("small on all", 1e-7, 1e-6);
    run.report.check("yes", true);
    CHECK(run.report.finish() == 0);
    const std::string expected =
        "  ok    small on all: error 1.0e-07, allowed 1.0e-06\n"
        "  ok    yes\n"
        "\n2 of 2 checks hold; closest to its limit: 1.0e-07 of 1.0e-06 allowed (small on all)\n";
    CHECK(run.said.str() == (world().rank() == 0 ? expected : ""));
  }
  for (double bad : {1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    Run run;
    run.report.check("fine", 0.0, 1e-6);
    run.report.check("large on one rank", on_last_rank(bad), 1e-6);
    CHECK(run.report.finish() == 1);
    if (world().rank() == 0) {
      CHECK(contains(run.said.str(), "  WRONG large on one rank: error " + scientific(bad)));
      CHECK(
          contains(run.said.str(), "1 of 2 checks hold; closest to its limit: " + scientific(bad)));
    }
  }
  Run run;
  run.report.check("no on one rank", world().rank() != last_rank());
  CHECK(run.report.finish() == 1);
}

TEST_CASE("report: a run without checks ends well") {
  Run run;
  CHECK(run.report.finish() == 0);
  if (world().rank() == 0) CHECK(run.said.str() == "\nno checks were made\n");
}

TEST_CASE("report: the ledger leaves out groups of one rank, which send nothing") {
  Run run;
  const Ledger before = run.runtime.ledger();
  const auto one = run.runtime.world().split(world().rank(), "dp");
  const auto all = run.runtime.world().split(0, "tp");
  for (Communicator* group : {one.get(), all.get()}) {
    group->all_reduce(PartialSum(Tensor::zeros(run.runtime.backend(), {5})));
  }
  const Ledger ledger = run.runtime.ledger().since(before);
  // it is counted all the same: layers are checked by it
  CHECK(ledger.calls(Collective::all_reduce, "dp") == 1);
  run.report.ledger(ledger);
  if (world().rank() != 0) return;
  CHECK_FALSE(contains(run.said.str(), " dp "));
  CHECK(contains(run.said.str(), " tp ") == (world().size() > 1));
  CHECK(contains(run.said.str(), "no communication") == (world().size() == 1));
}

TEST_CASE("report: the ledger shows what was given to a collective, and what was sent of it") {
  Run run;
  const Ledger before = run.runtime.ledger();
  run.runtime.world().all_reduce(PartialSum(Tensor::zeros(run.runtime.backend(), {60})));
  run.runtime.world().all_gather(Tensor::zeros(run.runtime.backend(), {30}));
  run.report.ledger(run.runtime.ledger().since(before));
  const int ranks = world().size();
  if (world().rank() != 0 || ranks == 1) return;
  std::istringstream lines(run.said.str());
  const auto next = [&] {  // the words of the next line
    std::string line, words;
    std::getline(lines, line);
    std::istringstream columns(line);
    for (std::string word; columns >> word;) words += (words.empty() ? "" : " ") + word;
    return words;
  };
  CHECK(next() == "collective group calls given sent time");
  CHECK(next().starts_with(
      text("all_reduce world 1 240 B ", 2 * 60 * (ranks - 1) / ranks * 4, " B ")));
  CHECK(next().starts_with(text("all_gather world 1 120 B ", 30 * (ranks - 1) * 4, " B ")));
}

TEST_CASE("report: the next line takes the place of one that moves") {
  Run run;
  run.report.update("half done");
  run.report.update("nearly done");
  run.report.line("done");
  run.report.line("saved");
  const std::string over = "\r\033[K";
  const std::string expected = over + "half done" + over + "nearly done" + over + "done\nsaved\n";
  CHECK(run.said.str() == (world().rank() == 0 ? expected : ""));
}

TEST_CASE("report: the JSON file") {
  Run run;
  run.options.json = new_file();
  run.report.layout(world().size(), 1);
  run.report.check("good", 1e-7, 1e-6);
  run.report.check("broken", on_last_rank(NAN), 1e-6);
  run.report.result("speed", 2.5);
  run.report.result("losses", std::vector<double>{4, 3.5});
  const Ledger before = run.runtime.ledger();
  run.runtime.world().all_reduce(PartialSum(Tensor::zeros(run.runtime.backend(), {5})));
  run.report.ledger(run.runtime.ledger().since(before));
  CHECK(run.report.finish() == 1);

  const nlohmann::json content = content_of(run.options.json);
  CHECK(content["chapter"] == "05_parallel_mlp");
  CHECK(content["device"] == backend().description());
  CHECK(content["ranks"] == world().size());
  CHECK(content["tp"] == world().size());
  CHECK(content["dp"] == 1);
  REQUIRE(content["checks"].size() == 2);
  CHECK(content["checks"][0] ==
        nlohmann::json{{"name", "good"}, {"error", 1e-7}, {"tolerance", 1e-6}, {"pass", true}});
  CHECK(content["checks"][1]["error"].is_null());  // JSON has no NaN
  CHECK(content["checks"][1]["pass"] == false);
  CHECK(content["results"] == nlohmann::json{{"speed", 2.5}, {"losses", {4, 3.5}}});
  REQUIRE(content["ledger"].size() == (world().size() == 1 ? 0 : 1));
  if (world().size() == 1) return;  // nothing was sent
  CHECK(content["ledger"][0]["op"] == "all_reduce");
  CHECK(content["ledger"][0]["group"] == "world");
  CHECK(content["ledger"][0]["calls"] == 1);
  CHECK(content["ledger"][0]["bytes"] == 20);
  CHECK(content["ledger"][0]["seconds"] >= 0.0);
}

TEST_CASE("report: a file that cannot be written is named, with the reason") {
  Run run;
  run.options.json = "/no/such/folder/file";
  const std::string message = message_of<Error>([&] { run.report.finish(); });
  if (world().rank() == 0)
    CHECK(message ==
          "--json /no/such/folder/file: the file cannot be written: No such file or directory");
  world().barrier();
}

TEST_CASE("trace: the bars of all ranks, with their names") {
  const std::string file = new_file();
  start_trace();
  { const TraceRange range(TraceRow::compute, "forward", "layer 3"); }
  world().barrier();
  trace_bar(TraceRow::transfer, "send", "tp", now() - 1, now());
  write_trace(world(), file);
  const nlohmann::json events = content_of(file)["traceEvents"];
  for (int rank = 0; rank < world().size(); ++rank) {
    int forward = 0, barriers = 0, begins = 0;
    for (const nlohmann::json& event : events) {
      // what may overlap: pairs with a number in common
      begins += event["ph"] == "b" && event["pid"] == rank && event["name"] == "send tp";
      if (event["ph"] != "X" || event["pid"] != rank) continue;
      CHECK(event["dur"] >= 0.0);
      forward += event["name"] == "forward" && event["args"]["detail"] == "layer 3";
      barriers += event["name"] == "barrier world";
    }
    CHECK(forward == 1);
    CHECK(begins == 1);
    CHECK(barriers == (world().size() > 1 ? 1 : 0));  // one rank alone does not wait
  }
}

TEST_CASE(
    "runtime: the first line says program, ranks and device; alone is a group of one with a ledger "
    "of its own") {
  Run run;
  const std::string line = run.runtime.description();
  CHECK(line.starts_with(text("05_parallel_mlp: ", world().size(),
                              world().size() == 1 ? " rank on " : " ranks on ",
                              backend().description(), "; collectives by ")));
  if (backend().device() == Device::cpu) CHECK(contains(line, "; collectives by Open MPI "));
  const std::unique_ptr<Communicator> group = run.runtime.alone();
  group->all_reduce(PartialSum(Tensor::zeros(run.runtime.backend(), {5})));
  CHECK(group->size() == 1);
  CHECK(run.runtime.ledger().calls() == 0);
}

TEST_CASE("runtime: --device cuda is refused where there is none") {
  Options options("05_parallel_mlp", "a program");
  options.device = "cuda";
  std::string reason;
  if (find_gpu_library(reason) != nullptr) {
    CHECK(Runtime(options, session()).backend().device() == Device::cuda);
    return;
  }
  CHECK(contains(message_of<UsageError>([&] { Runtime(options, session()); }), "--device cuda: "));
}
