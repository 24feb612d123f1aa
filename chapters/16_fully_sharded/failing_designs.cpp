#include "chapters/16_fully_sharded/failing_designs.h"

#include <algorithm>
#include <cmath>

#include "common/base/counted.h"
#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_16 {
namespace {

std::string size_text(int64_t bytes) { return bytes_text(static_cast<double>(bytes)); }

/// The last unit's weights freed after the forward pass, as all others are.
void free_the_last_unit(const Setup& setup) {
  FullSharding sharding = setup.sharding;
  sharding.prefetch = false;
  Trial trial(setup, sharding);
  trial.weights().zero_gradients();
  const Ledger before = setup.runtime.ledger();
  Gpt::Kept kept;
  trial.forward(kept);
  trial.weights().free_all();
  trial.backward(kept);
  const int64_t gathers = setup.runtime.ledger().since(before).calls(Collective::all_gather);
  const auto blocks = std::ssize(trial.weights().units()) - 1;
  setup.report.line(text("  All units freed after the forward pass: ", gathers,
                         " gathers; the last unit and the root are used again at once"));
  setup.report.check(text("two gathers more than 2U = ", 2 * blocks), gathers == 2 * blocks + 2);
}

/// Weights that were gathered before an update of the parts, and used after it.
void use_old_copies(const Setup& setup) {
  Trial trial(setup, setup.sharding);
  Gpt::Kept first, second, third;
  const double before = trial.forward(first);
  for (const auto& unit : trial.weights().units()) scale(unit->weight, 3.0f);
  const double mixed = trial.forward(second);  // the root and the last unit are still there
  trial.weights().free_all();
  const double right = trial.forward(third);
  setup.report.line(text("  An update while units are gathered: the loss goes from ",
                         fixed(before, 4), " to ", fixed(mixed, 4), ", not to ", fixed(right, 4)));
  setup.report.check("copies of old weights give another loss", std::abs(mixed / right - 1) > 1e-4);
}

/// A weight outside its use.
void use_freed_weights(const Setup& setup) {
  Trial trial(setup, setup.sharding);
  const Parameter& gain = trial.model().blocks.front()->norm_1.gain;
  std::string message = "nothing is thrown";
  try {
    gelu(gain.value);
  } catch (const Error& error) {
    message = error.what();
  }
  Tensor view;
  {
    const Parameter::Use use = gain.use();
    view = *use;
  }
  trial.weights().free_all();
  const std::vector<float> values = view.to_host();
  const auto lost = std::ranges::count_if(values, [](float value) { return std::isnan(value); });
  setup.report.line(text("  A weight read without use(): \"", message, "\". A view of ",
                         values.size(), " numbers after it: ", lost, " are NaN"));
  setup.report.check("a freed weight is noticed",
                     message == "an empty tensor was used" && lost == std::ssize(values));
}

/// The sum over all ranks of `micro_batches` gradients, with the sum over replicas of all of them,
/// or of the last one only.
Tensor hybrid_sum(const ShardingGroups& groups, const std::vector<Tensor>& gradients,
                  bool of_the_last_only) {
  Tensor part =
      Tensor::zeros(groups.shards().backend(), {gradients[0].elements() / groups.shards().size()});
  Tensor earlier = part.clone();
  for (size_t k = 0; k < gradients.size(); ++k) {
    const Tensor scattered = groups.shards().reduce_scatter(PartialSum(gradients[k].clone()));
    accumulate(of_the_last_only && k + 1 < gradients.size() ? earlier : part, scattered);
  }
  return add(groups.replicas()->all_reduce(PartialSum(part)), earlier);
}

void accumulate_after_the_sum(const Setup& setup) {
  const ShardingGroups groups(setup.grid.dp(), static_cast<int>(setup.settings.shard_ranks));
  if (groups.replicas() == nullptr) return;
  std::vector<Tensor> gradients;
  for (int64_t k = 0; k < std::max<int64_t>(2, setup.settings.training.accumulate); ++k) {
    const RandomStream random{setup.settings.training.seed,
                              stream_of("gradient",
                                        static_cast<uint64_t>(10 * k + setup.grid.dp().rank()))};
    std::vector<float> values;
    for (uint64_t i = 0; i < 60; ++i) values.push_back(random.normal(i));
    values.resize(static_cast<size_t>(60 * groups.shards().size()), 0.5f);
    gradients.push_back(Tensor::from(setup.runtime.backend(), {std::ssize(values)},
                                     std::span<const float>(values)));
  }
  const double error = reference::relative_error(hybrid_sum(groups, gradients, true),
                                                 hybrid_sum(groups, gradients, false));
  const double worst = setup.runtime.world().max_of(error);
  setup.report.line(
      text("  Hybrid, earlier micro-batches added after the sum over replicas: an "
           "error of ",
           scientific(worst), ", and replicas differ"));
  setup.report.check("what is added after the sum is wrong by more than 10 %", worst > 0.1);
}

}  // namespace

void show_accumulation(const Setup& setup) {
  const int64_t many = setup.settings.training.accumulate;
  setup.report.heading("Micro-batches, and weights that only neighbours share");
  Table table({"shared by", "micro-batches", "gathers", "scatters", "sums", "to neighbours",
               "to replicas", "weights at most"});
  double expected = 0, worst = 0;
  const auto row = [&](int64_t shard_ranks, int64_t micro_batches) {
    FullSharding sharding = setup.sharding;
    sharding.shard_ranks = shard_ranks;
    Trial trial(setup, sharding, micro_batches);
    const Ledger before = setup.runtime.ledger();
    const double norm = trial.step(0).gradient_norm;
    const Ledger step = setup.runtime.ledger().since(before);
    if (expected == 0) expected = norm;
    worst = reference::larger(worst, reference::relative_error(norm, expected));
    const std::string group = shard_ranks == setup.dp() ? "dp" : "shards";
    const int64_t gathers = row_of(step, Collective::all_gather, group).calls,
                  scatters = row_of(step, Collective::reduce_scatter, group).calls,
                  sums = row_of(step, Collective::all_reduce, "replicas").calls;
    table.row({text(counted(shard_ranks, "rank")), text(micro_batches), text(gathers),
               text(scatters), text(sums), size_text(sent_in(step, group)),
               size_text(sent_in(step, "replicas")),
               size_text(trial.weights().peak_weight_bytes())});
    const auto blocks = std::ssize(trial.weights().units()) - 1;
    return gathers == micro_batches * (2 * blocks - 1) + 1 &&
           scatters == micro_batches * blocks + 1 &&
           sums == (shard_ranks == setup.dp() ? 0 : blocks + 1);
  };
  bool holds = row(setup.dp(), 1);
  holds = row(setup.dp(), many) && holds;
  if (setup.settings.shard_ranks != setup.dp())
    holds = row(setup.settings.shard_ranks, many) && holds;
  setup.report.table(table);
  setup.report.check(
      "m micro-batches: m(2U - 1) + 1 gathers, mU + 1 scatters, U + 1 sums over replicas", holds);
  setup.report.check("the same gradient norms", worst, 1e-5);
}

void show_failing_designs(const Setup& setup) {
  setup.report.heading("Designs that fail");
  free_the_last_unit(setup);
  use_old_copies(setup);
  use_freed_weights(setup);
  accumulate_after_the_sum(setup);
}

}  // namespace shard::chapter_16
