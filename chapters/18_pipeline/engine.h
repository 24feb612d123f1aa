// PipelineEngine: executes a stage's list of steps, whatever the schedule: before each step it
// starts the messages that are due, waits for the step's input, and has the step computed.
#pragma once
#include <map>
#include <optional>

#include "chapters/18_pipeline/message_plan.h"
#include "common/comm/communicator.h"

namespace shard {

/// What a stage computes.
class StageWork {
 public:
  virtual ~StageWork() = default;
  /// Computes one step. `input` is the output of the part of the model before (forward), or the
  /// gradient of this part's output (backward, input_gradient); empty at the model's two ends, and
  /// for weight_gradient. Returns the output, or the gradient of the part's input; nothing where
  /// nobody takes it.
  virtual Tensor execute(const Step& step, const Tensor& input) = 0;
  /// A tensor for the input of that step to be received into.
  virtual Tensor place_for_input(const Step& step) = 0;
};

class PipelineEngine {
 public:
  /// The ranks of `pp` are the stages, in their order. Throws Error for a schedule with another
  /// number of stages, and for one that is incomplete or comes to a standstill. A schedule may have
  /// several chunks a stage.
  PipelineEngine(Communicator& pp, const Schedule& schedule);

  /// Executes this stage's steps in their order. Each is a bar of the trace, with the step's name.
  /// Collective over the stages. Messages carry the micro-batch and the stage in their labels.
  void run(StageWork& work);

  const Schedule& schedule() const { return schedule_; }
  const Steps& steps() const { return schedule_[static_cast<size_t>(pp_.rank())]; }  // this stage's
  int chunks() const { return dependencies_.chunks(); }  // of each stage

 private:
  struct UnderWay;  // the messages that are started
  Message message_of(const StageMessage& message, UnderWay& messages, StageWork& work) const;
  void start(const Exchange& exchange, UnderWay& messages, StageWork& work) const;

  Communicator& pp_;
  Schedule schedule_;
  Dependencies dependencies_;
  std::vector<Exchange> exchanges_;  // this stage's
};

}  // namespace shard
