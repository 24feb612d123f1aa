#include "chapters/23_planner/step_time.h"

#include <algorithm>
#include <cmath>

#include "chapters/23_planner/costs.h"
#include "chapters/23_planner/counting.h"
#include "chapters/23_planner/cpu_step.h"
#include "chapters/23_planner/layer_parts.h"
#include "chapters/23_planner/layer_time.h"
#include "chapters/23_planner/memory.h"

namespace shard::chapter_23 {

namespace {

constexpr double StepTime::*parts[] = {&StepTime::products,  &StepTime::memory, &StepTime::overhead,
                                       &StepTime::tp,        &StepTime::cp,     &StepTime::ep,
                                       &StepTime::pp,        &StepTime::bubble, &StepTime::dp,
                                       &StepTime::optimizer, &StepTime::hidden};

double real(int64_t value) { return static_cast<double>(value); }

/// One rank's step: of the stage that paces the others.
struct Step {
  const ModelShape& model;
  const Layout& layout;
  const Cluster& cluster;
  const Software& software;
  double micro_batches = 1;
  PassTimes stage = {};      // of a micro-batch
  HeldParameters held = {};  // by a rank of the last stage

  double messages() const;
  double embedding_sum() const;
  double bubble(const PassTimes& other) const;  // a stage without the head
  void add_data_parallel(StepTime& times) const;
  double fully_sharded() const;
  double optimizer() const;
  Group data_group() const {
    return group_of(cluster, layout.ranks(), layout.dp * layout.cp, layout.tp);
  }
  double sums(const Group& group, double values) const;
};

/// A micro-batch's messages: for each chunk, the activations in and the gradients back. Their
/// tokens are cut among the tp ranks, and gathered inside the node unless they stay cut.
double Step::messages() const {
  if (layout.pp == 1) return 0;
  const LayerParts part{model, layout, cluster, software};
  const Group stages =
      group_of(cluster, layout.ranks(), layout.pp, layout.tp * layout.cp * layout.dp);
  const double bytes = part.tokens() * real(model.width) * cluster.bytes_per_value;
  double seconds = message_seconds(cluster, stages, bytes / part.parts());
  if (!layout.sequence_parallel) seconds += part.tp_gather();
  return 2 * real(layout.chunks) * seconds;
}

/// The first and the last stage both have the table.
double Step::embedding_sum() const {
  if (layout.pp == 1) return 0;
  const Group ends{2, layout.ranks() <= cluster.node ? 2 : 1};
  return all_reduce_seconds(cluster, ends,
                            software.gradient_bytes * real(model.vocabulary) * real(model.width) /
                                real(layout.tp));
}

/// Stages that wait at the start and the end of a step; interleaved with fewer micro-batches than
/// stages, between chunks as well. Huang et al., arXiv:1811.06965; chunks:
/// Narayanan et al., arXiv:2104.04473, section 2.2; ZB-H1: Qi et al., arXiv:2401.10241, table 2.
double Step::bubble(const PassTimes& other) const {
  const double stages = real(layout.pp - 1), chunks = real(layout.chunks),
               missing = std::max(0.0, real(layout.pp) - micro_batches);  // to fill all stages
  const double forward = other.forward.total(), inputs = other.input_gradients.total(),
               weight_gradients = other.weight_gradients.total();
  if (layout.schedule == "zb-h1")
    return stages * (forward + inputs + messages()) -
           std::min(micro_batches - 1, stages) * std::min({forward, inputs, weight_gradients});
  return (stages + (chunks - 1) * missing) * (forward + inputs + weight_gradients + messages()) /
         chunks;
}

/// Of gradients of so many weights; sharded, of the weights, too. ZeRO-2 reduces them after each
/// micro-batch (chapter 15).
double Step::sums(const Group& group, double values) const {
  const double bytes = values * software.gradient_bytes;
  if (layout.shard_optimizer == 0)
    return all_reduce_seconds(cluster, group, bytes, software.buckets);
  return (layout.shard_optimizer == 2 ? micro_batches : 1) *
             gather_seconds(cluster, group, bytes, software.buckets) +
         gather_seconds(cluster, group, values * cluster.bytes_per_value, software.buckets);
}

void Step::add_data_parallel(StepTime& times) const {
  const Group all = data_group();
  const Group of_experts =
      group_of(cluster, layout.ranks(), all.ranks / layout.ep, layout.tp * layout.ep);
  const double seconds = sums(all, held.all - held.experts) + sums(of_experts, held.experts);
  double window = 0;
  if (software.overlapped_dp) window += stage.backward().total();
  if (software.overlapped_gather && layout.shard_optimizer > 0) window += stage.forward.total();
  const double hidden = std::min(software.dp_hidden_share * seconds, window);
  times.dp += seconds - hidden;
  times.hidden += hidden;
}

/// Three passes over all weights for each micro-batch: gathered for both passes, and their
/// gradients reduced. Where the bandwidth of such gathers between nodes was fitted, every layer's
/// ring has a latency for each rank.
double Step::fully_sharded() const {
  const Group group = data_group();
  if (group.ranks == 1) return 0;
  if (group.is_inside() || cluster.gather_bandwidth == 0) {
    return micro_batches * (2 * gather_seconds(cluster, group, held.all * cluster.bytes_per_value) +
                            gather_seconds(cluster, group, held.all * software.gradient_bytes));
  }
  return micro_batches * 3 *
         (held.all * cluster.bytes_per_value / cluster.gather_bandwidth +
          real(model.layers) * real(group.ranks - 1) * cluster.between.latency);
}

/// Bytes per weight: gradients unscaled and checked 8, their norm 4, clipped 8, Adam 28; in half
/// precision copies of the gradients and the weights 12.
double Step::optimizer() const {
  const double bytes = cluster.bytes_per_value < 4 ? 60 : 40;
  return stream_seconds(cluster,
                        bytes * (layout.shard_optimizer > 0 ? shared_out(held, layout) : held.all));
}

}  // namespace

StepTime& StepTime::operator+=(const StepTime& other) {
  for (const auto part : parts) this->*part += other.*part;
  return *this;
}

StepTime operator+(StepTime a, const StepTime& b) { return a += b; }

StepTime operator*(double times, StepTime a) {
  for (const auto part : parts) a.*part *= times;
  return a;
}

//! [23-step]
StepTime step_time(const ModelShape& model, const Layout& layout, int64_t batch,
                   const Cluster& cluster, const Software& software) {
  if (!cluster.operations.empty()) return cpu_step_time(model, layout, batch, cluster.operations);
  const double micro_batches = real(layout.micro_batches(batch));
  const PassTimes layer = layer_time(model, layout, cluster, software, 1 - 1 / micro_batches);
  const PassTimes first = real((model.layers + layout.pp - 1) / layout.pp) * layer,
                  last = real(model.layers / layout.pp) * layer +
                         head_time(model, layout, cluster, software);
  const PassTimes& slower = first.both().total() > last.both().total() ? first : last;
  Step step{model, layout, cluster, software, micro_batches, slower};
  step.held = held_by(model, layout, layout.pp - 1);
  StepTime times = micro_batches * slower.both();
  times.pp = micro_batches * step.messages() + step.embedding_sum();
  times.bubble = step.bubble(first);
  if (layout.shard_optimizer == 3) {
    // communication and computation as the legs of a right-angled triangle
    const double computing = times.total(), gathers = step.fully_sharded();
    times.dp = std::hypot(computing, gathers) - computing;
    times.hidden += gathers - times.dp;
  } else {
    step.add_data_parallel(times);
  }
  times.optimizer = step.optimizer();
  return times;
}
//! [23-step]

}  // namespace shard::chapter_23
