// The time of one layer, and of the head, for one micro-batch on one rank.
#pragma once
#include "chapters/23_planner/step_time.h"

namespace shard::chapter_23 {

/// Seconds of the passes, in parts. The backward pass is the sum of the last two; what is computed
/// again counts to the input gradients, which cannot start without it.
struct PassTimes {
  StepTime forward, input_gradients, weight_gradients;
  StepTime backward() const { return input_gradients + weight_gradients; }
  StepTime both() const { return forward + backward(); }
};

PassTimes operator+(const PassTimes& a, const PassTimes& b);
PassTimes operator*(double times, const PassTimes& a);

/// `adding`: of the micro-batches, the part whose gradients are added to earlier ones.
PassTimes layer_time(const ModelShape& model, const Layout& layout, const Cluster& cluster,
                     const Software& software, double adding = 1);
/// The last norm is left out, and so are the embedding's rows: both are small.
PassTimes head_time(const ModelShape& model, const Layout& layout, const Cluster& cluster,
                    const Software& software);

}  // namespace shard::chapter_23
