// A pipeline in which stage 1 fails in the backward pass of micro-batch 1, in the way that --fault
// names: faults_test.sh shows what users then read.
#include <unistd.h>

#include <csignal>

#include "chapters/18_pipeline/engine.h"
#include "common/program/runtime.h"

using namespace shard;

/// Hands on what it gets.
class FailingStage : public StageWork {
 public:
  FailingStage(Communicator& pp, std::string fault) : pp_(pp), fault_(std::move(fault)) {}

  Tensor execute(const Step& step, const Tensor& input) override {
    if (pp_.rank() == 1 && step == Step{Pass::backward, 1}) {
      if (fault_ == "throws") throw Error("the disk is full");
      if (fault_ == "dies") _exit(3);
      if (fault_ == "stops") raise(SIGSTOP);
      if (fault_ == "sleeps") sleep(60);
    }
    return input ? input : place_for_input(step);
  }
  Tensor place_for_input(const Step&) override { return Tensor::zeros(pp_.backend(), {5, 3}); }

 private:
  Communicator& pp_;
  std::string fault_;
};

int main(int argc, char** argv) {
  Options options("pipeline_faults", "a pipeline whose stage 1 fails");
  std::string fault;
  int64_t micro_batches = 4;
  options.text("--fault", fault, "throws, dies, stops or sleeps");
  options.size("--micro-batches", micro_batches, "micro-batches");
  return run(options, argc, argv, [&](Runtime& runtime, Report&) {
    FailingStage stage(runtime.world(), fault);
    PipelineEngine(runtime.world(),
                   schedule_of(one_forward_one_backward, runtime.world().size(), micro_batches))
        .run(stage);
  });
}
