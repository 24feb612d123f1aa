// The time of a training step, as a sum of named parts.
#pragma once
#include <string>
#include <vector>

#include "chapters/23_planner/cluster.h"
#include "chapters/23_planner/layout.h"
#include "chapters/23_planner/software.h"

namespace shard::chapter_23 {

/// Seconds of the stage that takes longest. The parts add up to the step.
struct StepTime {
  double products = 0;  // matrix products, with those that are computed again
  double memory = 0;    // passes over memory: norms, softmax, dropout, GeLU, gradients added
  double overhead = 0;  // launches
  double tp = 0;        // collectives of each axis: what no computation hides
  double cp = 0;
  double ep = 0;
  double pp = 0;      // messages between stages
  double bubble = 0;  // stages that wait
  double dp = 0;      // gradients' sums, and sharded weights
  double optimizer = 0;
  double hidden = 0;  // communication that computation hides: not part of the sum

  double total() const {
    return products + memory + overhead + tp + cp + ep + pp + bubble + dp + optimizer;
  }
  StepTime& operator+=(const StepTime& other);
};

StepTime operator+(StepTime a, const StepTime& b);
StepTime operator*(double times, StepTime a);

/// Of a layout that problem_of() accepts; batch: sequences.
StepTime step_time(const ModelShape& model, const Layout& layout, int64_t batch,
                   const Cluster& cluster, const Software& software);

}  // namespace shard::chapter_23
