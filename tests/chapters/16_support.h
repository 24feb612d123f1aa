// Layers that only use weights and add to gradients, for the tests of chapter 16.
#pragma once
#include "chapters/16_fully_sharded/fully_sharded.h"
#include "tests/test_support.h"

namespace shard {

/// A model of a root unit and some others, each with a matrix and a bias of sizes of its own. A
/// pass uses the weights, and looks at them; a backward pass adds whole numbers to the gradients.
struct Layers {
  Grid grid;
  std::vector<std::unique_ptr<Parameter>> owned;
  std::vector<Tensor> initial;         // values
  std::vector<Parameters> parameters;  // of each unit, the root first

  explicit Layers(int64_t units, int tp = 1)
      : grid(world(), {{"tp", tp}, {"dp", world().size() / tp}}),
        parameters(static_cast<size_t>(units) + 1) {
    for (int64_t unit = 0; unit <= units; ++unit) {
      add(unit, "weight", Shard::all({5 + unit, 3}));
      add(unit, "bias", Shard::all({3 + 2 * unit}));
    }
  }
  void add(int64_t unit, const std::string& kind, const Shard& shard) {
    owned.push_back(
        std::make_unique<Parameter>(backend(), name(unit) + "." + kind, shard, 5, 1.0f));
    initial.push_back(owned.back()->value.clone());
    parameters[static_cast<size_t>(unit)].push_back(owned.back().get());
  }

  static std::string name(int64_t unit) { return unit == 0 ? "root" : text("h.", unit - 1); }
  std::vector<Unit> units() const {
    std::vector<Unit> units;
    for (size_t i = 0; i < parameters.size(); ++i)
      units.push_back({name(static_cast<int64_t>(i)), parameters[i]});
    return units;
  }
  int64_t elements(size_t unit) const {
    int64_t elements = 0;
    for (const Parameter* parameter : parameters[unit])
      elements += parameter->shard.whole.elements();
    return elements;
  }

  /// What rank `rank` of the world adds to the gradient of `parameter` in a micro-batch.
  static std::vector<float> term(const Parameter& parameter, int rank, int micro_batch) {
    std::vector<float> values;
    for (int64_t i = 0; i < parameter.shard.whole.elements(); ++i) {
      values.push_back(element(rank + 5 * micro_batch,
                               i + static_cast<int64_t>(stream_of(parameter.name) % 91)));
    }
    return values;
  }

  void look_at(const Parameter& parameter) const {
    for (size_t i = 0; i < owned.size(); ++i) {
      if (owned[i].get() == &parameter) CHECK((*parameter.use()).to_host() == initial[i].to_host());
    }
  }
  void add_to(Parameter& parameter, int micro_batch) const {
    const std::vector<float> values = term(parameter, world().rank(), micro_batch);
    accumulate(parameter.open_gradient(), tensor(parameter.shard.whole, values));
  }

  void forward_of(size_t unit) const {
    for (const Parameter* parameter : parameters[unit]) look_at(*parameter);
  }
  void forward() const {
    for (size_t unit = 0; unit < parameters.size(); ++unit) forward_of(unit);
    look_at(*parameters[0][0]);  // the head
  }
  void backward_of(size_t unit, int micro_batch) const {
    for (Parameter* parameter : parameters[unit]) {
      look_at(*parameter);
      add_to(*parameter, micro_batch);
    }
    for (const Parameter* parameter : parameters[unit]) parameter->gradient_is_ready();
  }
  /// The root's matrix gets half of its gradient at the head, as a tied table does.
  void backward(int micro_batch, bool recomputes = false) const {
    Parameter& table = *parameters[0][0];
    look_at(table);
    add_to(table, micro_batch);
    for (size_t unit = parameters.size(); --unit > 0;) {
      if (recomputes) forward_of(unit);
      backward_of(unit, micro_batch);
    }
    add_to(*parameters[0][1], micro_batch);
    for (const Parameter* parameter : parameters[0]) parameter->gradient_is_ready();
  }
  /// A step without its update.
  void step(GradientReduction& reduction, int micro_batches = 1, bool recomputes = false) const {
    reduction.zero_gradients();
    for (int micro_batch = 0; micro_batch < micro_batches; ++micro_batch) {
      forward();
      if (micro_batch + 1 == micro_batches) reduction.reduce_in_next_backward();
      backward(micro_batch, recomputes);
    }
    reduction.wait();
  }

  /// The sums over the ranks that differ from this one in `axes`: this rank's part of what `unit`
  /// should have after a step.
  void check_gradients(const FullySharded& sharded, const ShardingGroups& groups, const Axes& axes,
                       int micro_batches) {
    for (size_t unit = 0; unit < parameters.size(); ++unit) {
      INFO(name(static_cast<int64_t>(unit)));
      std::vector<float> whole;
      for (const Parameter* parameter : parameters[unit]) {
        std::vector<float> sum(static_cast<size_t>(parameter->shard.whole.elements()), 0.0f);
        for (int rank : grid.layout().group_of(world().rank(), axes)) {
          for (int micro_batch = 0; micro_batch < micro_batches; ++micro_batch) {
            const std::vector<float> values = term(*parameter, rank, micro_batch);
            for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
          }
        }
        whole.insert(whole.end(), sum.begin(), sum.end());
      }
      const ShardedUnit& of_unit = *sharded.units()[unit];
      whole.resize(static_cast<size_t>(of_unit.flat().padded()), 0.0f);
      const Range mine = of_unit.flat().range_of(groups.shards().rank());
      CHECK(of_unit.gradient.to_host() ==
            std::vector<float>(whole.begin() + mine.begin, whole.begin() + mine.end));
    }
  }
};

}  // namespace shard
