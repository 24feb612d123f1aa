#include "chapters/16_fully_sharded/fully_sharded.h"

#include <algorithm>
#include <utility>

#include "chapters/15_sharded_optimizer/range_state.h"
#include "common/base/counted.h"
#include "common/comm/data_ranks.h"
#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

static void require_shardable(Grid& grid, const std::vector<Unit>& units) {
  require(units.size() >= 2, "weights are fully sharded in a root unit and at least one other");
  require(grid.size("pp") == 1, "weights are not fully sharded on a grid of ",
          counted(grid.size("pp"), "stage"),
          ": forward and backward passes of several micro-batches would gather in turns");
  for (const Unit& unit : units) {
    for (const Parameter* parameter : unit.parameters) {
      require(!parameter->is_partial_over("edp"), parameter->name,
              " is an expert's: its weights are not fully sharded, as other data-parallel ranks "
              "(edp) hold it than hold the rest of its unit");
      data_ranks_of(grid, *parameter);
      require(!parameter->before_use && !parameter->before_gradient, parameter->name,
              " is shared out already");
    }
  }
}

FullySharded::FullySharded(Grid& grid, ShardingGroups groups, const std::vector<Unit>& units,
                           const ShardingSettings& settings)
    : groups_(std::move(groups)),
      settings_(settings),
      ready_(units.size()),
      is_reduced_(units.size()) {
  require_shardable(grid, units);
  for (const auto& [name, parameters] : units) {
    others_.push_back(std::make_unique<PartialGradients>(grid, parameters, axes_of_data_ranks()));
    units_.push_back(std::make_unique<ShardedUnit>(groups_.shards(), name, parameters,
                                                   settings.computes_in, settings.reduces_in));
    weight_bytes_ += units_.back()->weight.memory_bytes() + units_.back()->rounded.memory_bytes();
  }
  for (size_t unit = 0; unit < units_.size(); ++unit) listen(unit);
}

void FullySharded::listen(size_t unit) {
  for (Parameter* parameter : units_[unit]->flat().parameters()) {
    parameter->before_use = [this, unit] {
      use(unit);
      ++units_[unit]->uses;
    };
    parameter->after_use = [this, unit] { --units_[unit]->uses; };
    parameter->before_gradient = [this, unit] { add_to(unit); };
    listeners_.push_back(parameter->on_gradient_ready([this, unit] { gradient_is_ready(unit); }));
  }
}

FullySharded::~FullySharded() {
  for (const auto& unit : units_) {
    for (Parameter* parameter : unit->flat().parameters())
      parameter->before_use = parameter->after_use = parameter->before_gradient = nullptr;
  }
}

std::vector<OwnRange> FullySharded::own_ranges() const {
  std::vector<OwnRange> ranges;
  for (const auto& unit : units_) {
    ranges.push_back({.pieces = unit->flat().pieces_of(groups_.shards().rank()),
                      .weight = unit->weight,
                      .gradient = unit->gradient,
                      .rounded = unit->rounded});
  }
  return ranges;
}

bool FullySharded::is_first_replica() const {
  return groups_.replicas() == nullptr || groups_.replicas()->rank() == 0;
}

// ---- Weights ------------------------------------------------------------------------------------

//! [16-use]
void FullySharded::use(size_t unit) {
  if (units_[unit]->is_whole()) return;
  if (ahead_ != 0 && ahead_ != unit) free(std::exchange(ahead_, 0));  // expected, but not needed
  if (unit != 0 && current_ != 0) free(current_);  // in a forward pass: its layers are done
  if (!units_[unit]->is_arriving()) start_gather(unit);
  units_[unit]->finish_gather();
  if (unit != 0) std::tie(current_, ahead_) = std::pair(unit, 0);
  gather_ahead();
  if (!is_backward_) const TraceRange mark(TraceRow::compute, "forward", units_[unit]->name());
}

/// Forwards the next unit, backwards the one before: its weights arrive while the current unit
/// computes.
void FullySharded::gather_ahead() {
  const size_t next = is_backward_ ? current_ - 1 : current_ + 1;
  if (!settings_.prefetch || ahead_ != 0 || next == 0 || next == units_.size()) return;
  start_gather(ahead_ = next);
}
//! [16-use]

void FullySharded::start_gather(size_t unit) {
  const TraceRange range(TraceRow::compute, "gather", units_[unit]->name());
  const int64_t before = groups_.shards().backend().bytes_in_use();
  units_[unit]->start_gather();
  weight_bytes_ += groups_.shards().backend().bytes_in_use() - before;
  peak_weight_bytes_ = std::max(peak_weight_bytes_, weight_bytes_);
}

void FullySharded::free(size_t unit) {
  const TraceRange range(TraceRow::compute, "free", units_[unit]->name());
  const int64_t before = groups_.shards().backend().bytes_in_use();
  units_[unit]->free();
  weight_bytes_ += groups_.shards().backend().bytes_in_use() - before;
}

void FullySharded::free_all() {
  for (size_t unit = 0; unit < units_.size(); ++unit) {
    if (units_[unit]->is_whole() || units_[unit]->is_arriving()) free(unit);
  }
  current_ = ahead_ = 0;
}

// ---- Gradients ----------------------------------------------------------------------------------

//! [16-backward]
void FullySharded::add_to(size_t unit) {
  if (!is_backward_ && current_ != 0) {  // the backward pass begins
    is_backward_ = true;
    gather_ahead();
  }
  if (units_[unit]->has_gradients()) return;
  use(unit);  // now: a layer may open a gradient before it uses its weights
  const TraceRange mark(TraceRow::compute, "backward", units_[unit]->name());
  units_[unit]->take_gradients();
}

void FullySharded::gradient_is_ready(size_t unit) {
  if (++ready_[unit] < units_[unit]->flat().parameters().size()) return;
  ready_[unit] = 0;
  if (unit == 0 && !is_last_) return;  // the root's are added up where they are
  others_[unit]->sum();                // over tp, where they are partial sums there, too
  start_scatter(unit);
  free(unit);
  if (unit == current_) current_ = 0;
  if (unit == 1) is_backward_ = false;
}

void FullySharded::start_scatter(size_t unit) {
  finish_scatter();  // of the unit before: gradients of two units at most exist
  const TraceRange range(TraceRow::compute, "scatter", units_[unit]->name());
  units_[unit]->start_scatter();
  scattering_ = unit;
  scatters_last_ = is_reduced_[unit] = is_last_;
}

void FullySharded::finish_scatter() {
  if (!scattering_) return;
  ShardedUnit& unit = *units_[*std::exchange(scattering_, std::nullopt)];
  unit.finish_scatter();  // added to those of earlier micro-batches …
  if (!scatters_last_ || groups_.replicas() == nullptr) return;
  const TraceRange range(TraceRow::compute, "sum over replicas", unit.name());  // … before this sum
  replica_sums_.push_back(groups_.replicas()->start_all_reduce(PartialSum(unit.gradient)));
}
//! [16-backward]

void FullySharded::zero_gradients() {
  free_all();
  std::vector<Tensor> gradients;
  for (const auto& unit : units_) gradients.push_back(unit->gradient);
  zero(gradients);
  peak_weight_bytes_ = weight_bytes_;
}

void FullySharded::wait() {
  for (size_t i = 0; i < units_.size(); ++i) {
    require(!is_last_ || is_reduced_[i], "the backward pass finished without ",
            counted(units_[i]->flat().parameters().size() - ready_[i], "gradient"), " of ",
            units_[i]->name());
  }
  finish_scatter();
  for (Pending& sum : replica_sums_) sum.wait();
  replica_sums_.clear();
  is_reduced_.assign(units_.size(), false);
  is_last_ = false;
}

std::vector<StateTensor> FullySharded::gradients() const {
  Parameters parameters;
  std::vector<RangeTensor> ranges;
  for (const auto& unit : units_) {
    append(parameters, unit->flat().parameters());
    ranges.push_back({unit->flat().pieces_of(groups_.shards().rank()), unit->gradient});
  }
  return state_of(groups_.shards().backend(), parameters, ranges, "", is_first_replica());
}

}  // namespace shard
