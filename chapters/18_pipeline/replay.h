// Replaying a schedule: when each step begins and ends, if steps take given times and each stage
// does its steps in their order. Exact on any machine: a pipeline's idle time is a matter of order.
#pragma once
#include <functional>

#include "chapters/18_pipeline/schedule.h"

namespace shard {

/// How long things take, in any unit.
struct StepCosts {
  /// Of a step on that stage; more than 0.
  std::function<double(int stage, const Step& step)> of_step;
  double transfer = 0;  // until a result is on another stage

  /// Equal stages, cut into `chunks`: a whole stage's forward pass takes 1, its backward pass 2,
  /// and each half of it 1.
  static StepCosts units(int chunks = 1);
};

struct Replay {
  struct TimedStep {
    Step step;
    double begin = 0, end = 0;
  };
  std::vector<std::vector<TimedStep>> stages;  // in the order of each list

  double total() const;  // until the last stage is done
  /// The sum of the stages' idle times until then: Σ_j (total - work_j).
  double idle() const;
  /// "Bubble fraction" has two definitions. Idle time over all time, stages × total: (p-1)/(m+p-1)
  /// for GPipe and 1F1B on equal stages. Huang et al., arXiv:1811.06965, section 2.3.
  double idle_share() const;
  /// Idle time over the time in which work could be done by stages that never wait: (p-1)/m.
  /// Narayanan et al., arXiv:2104.04473, section 2.2.1.
  double idle_over_ideal() const;
};

/// Throws Error for lists that never end, with what each stage waits for.
Replay replay(const Schedule& schedule, const StepCosts& costs);

}  // namespace shard
