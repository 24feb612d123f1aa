// A program whose ranks do not fit together, in the way that --fault names: faults_test.sh shows
// what users then read.
#include <unistd.h>

#include <csignal>

#include "common/program/runtime.h"

using namespace shard;

static void all_reduce(Runtime& runtime, int64_t count) {
  runtime.world().all_reduce(PartialSum(Tensor::zeros(runtime.backend(), {count})));
}

/// What rank 1 does while the others call all_reduce of 128 f32.
static void misbehave(Runtime& runtime, const std::string& fault) {
  Communicator& world = runtime.world();
  const std::vector<int32_t> integers(128);
  if (fault == "throws") throw Error("the disk is full");
  if (fault == "refuses-alone")
    throw UsageError("--fault refuses-alone: rank 1 cannot read its file");
  if (fault == "leaves") return;
  if (fault == "other-collective") world.all_gather(Tensor::zeros(runtime.backend(), {64}));
  if (fault == "other-count") all_reduce(runtime, 64);
  if (fault == "other-type") {
    world.all_reduce(
        PartialSum(Tensor::from(runtime.backend(), {128}, std::span<const int32_t>(integers))));
  }
  if (fault == "host-numbers") world.max_of(1.0);
  if (fault == "sleeps") sleep(60);
  if (fault == "late") {  // no fault: the others wait for a while, and then rank 1 comes
    usleep(300'000);
    all_reduce(runtime, 128);
  }
  if (fault == "dies") _exit(3);
  if (fault == "stops") raise(SIGSTOP);
  if (fault == "fills-memory") {
    std::vector<Tensor> tensors;
    while (true) tensors.push_back(Tensor::zeros(runtime.backend(), {2'000'000}));
  }
  if (fault == "wrong-address") {
    float number = 0;
    // the host's memory is not the GPU's
    runtime.backend().copy_to_host(&number, &number, sizeof number);
  }
}

/// Ranks 0 and 1 exchange messages in a way that may deadlock; the other ranks take no part.
static void exchange(Runtime& runtime, const std::string& fault) {
  Communicator& world = runtime.world();
  const int partner = 1 - world.rank();
  if (partner < 0) return;
  Tensor x = Tensor::zeros(runtime.backend(), {128}), in = x.clone();
  const auto forward = [&] { world.send(x, partner, "micro-batch 3, activation"); };
  const auto backward = [&] { world.receive(in, partner, "micro-batch 3, gradient"); };
  if (fault == "sends-first") forward(), world.receive(in, partner, "micro-batch 3, activation");
  if (fault == "nobody-sends" && world.rank() == 1) backward(), runtime.backend().synchronize();
  if (fault == "other-label" && world.rank() == 0) forward();
  if (fault == "other-label" && world.rank() == 1) backward();
}

/// Rank 1 has no tokens for experts and leaves, but the others' exchange needs it.
static void leave_exchange(Runtime& runtime) {
  Communicator& world = runtime.world();
  if (world.rank() == 1) return;
  const std::vector<int64_t> rows(static_cast<size_t>(world.size()), 2);
  world.all_to_all(Tensor::zeros(runtime.backend(), {2 * world.size(), 11}), rows, rows,
                   "tokens to their experts");
  runtime.backend().synchronize();
}

int main(int argc, char** argv) {
  std::string fault = "none";
  Options options("fault_program", "a program whose ranks do not fit together");
  options.text("--fault", fault, "what rank 1 does wrong");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    all_reduce(runtime, 128);  // #1 is well
    runtime.backend().synchronize();
    require_usage(fault != "refuses", "--fault ", fault, " is the same on every rank");
    if (fault == "failed-check")
      report.check("a check that holds on rank 1 only", runtime.world().rank() == 1);
    const bool of_messages =
        fault == "sends-first" || fault == "nobody-sends" || fault == "other-label";
    if (of_messages) exchange(runtime, fault);
    if (fault == "leaves-exchange") return leave_exchange(runtime);
    if (runtime.world().rank() == 1 && fault != "none" && fault != "failed-check" && !of_messages)
      return misbehave(runtime, fault);
    all_reduce(runtime, 128);  // #2
  });
}
