#include "chapters/10_tensor_and_data_parallel/adamw_optimizer.h"

#include <algorithm>
#include <map>

#include "common/comm/data_ranks.h"
#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

AdamWOptimizer::AdamWOptimizer(Grid& grid, const Parameters& parameters,
                               const TrainingSettings& settings)
    : grid_(grid), settings_(settings) {
  Backend& backend = grid.dp().backend();
  const DataType type = type_of(settings.precision);
  for (Parameter* parameter : parameters) {
    const Tensor weight = parameter->value;
    trained_.push_back({parameter, weight, Tensor::zeros(backend, weight.shape()),
                        Tensor::zeros(backend, weight.shape())});
    if (type != weight.type()) parameter->value = cast(weight, type);
  }
}

//! [10-adamw]
void AdamWOptimizer::update(int64_t step, double learning_rate, const Tensor& gradient_factor) {
  TraceRange range(TraceRow::compute, "update");
  std::vector<TrainedWeight> all;
  for (const auto& [parameter, weight, first, second] : trained_) {
    const bool is_rounded = parameter->value.type() != weight.type();
    all.push_back({weight, first, second, parameter->gradient,
                   is_rounded ? parameter->value : Tensor(), parameter->is_matrix()});
  }
  adamw(all, gradient_factor, adamw_of_step(step, learning_rate, settings_));
}
//! [10-adamw]

void AdamWOptimizer::round_weights() {
  for (auto& [parameter, weight, first, second] : trained_) {
    if (parameter->value.type() != weight.type()) copy(parameter->value, weight);
  }
}

std::vector<bool> AdamWOptimizer::writes() const {
  std::vector<bool> writes;
  std::map<const Communicator*, std::vector<int64_t>> elements;  // by rank of a group
  for (const Trained& trained : trained_) {
    const Communicator& replicas = data_ranks_of(grid_, *trained.parameter);
    std::vector<int64_t>& of_ranks = elements[&replicas];
    of_ranks.resize(static_cast<size_t>(replicas.size()));
    const auto least = std::ranges::min_element(of_ranks);
    *least += trained.parameter->shard.whole.elements();
    writes.push_back(least - of_ranks.begin() == replicas.rank());
  }
  return writes;
}

/// Data-parallel ranks hold the same, and share out the writing; of the other ranks that hold the
/// same, the one that counts it in the norm writes.
TrainingState AdamWOptimizer::state() {
  TrainingState state;
  const std::vector<bool> writes_it = writes();
  for (size_t i = 0; i < trained_.size(); ++i) {
    const auto& [parameter, weight, first, second] = trained_[i];
    const std::string& name = parameter->name;
    const Shard& shard = parameter->shard;
    const bool writes = writes_it[i] && parameter->counts;
    state.weights.push_back({name, shard, weight, writes});
    state.moments.push_back({name + ".first_moment", shard, first, writes});
    state.moments.push_back({name + ".second_moment", shard, second, writes});
  }
  return state;
}

}  // namespace shard
