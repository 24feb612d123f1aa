#include "chapters/16_fully_sharded/trial.h"

#include <algorithm>

#include "chapters/10_tensor_and_data_parallel/batches.h"
#include "chapters/15_sharded_optimizer/sharded_step.h"
#include "common/check/reference.h"

namespace shard::chapter_16 {

Trial::Trial(const Setup& setup, int64_t micro_batches)
    : setup_(setup),
      training_(setup.settings.training),
      model_(setup.grid.tp(), setup.settings.sizes, {training_.seed, 0.02f, 0.0f}) {
  training_.accumulate = micro_batches;
}

Trial::Trial(const Setup& setup, const FullSharding& sharding, int64_t micro_batches)
    : Trial(setup, micro_batches) {
  FullyShardedStep step = fully_sharded_step(setup.grid, model_, training_, sharding);
  weights_ = &step.weights;
  trainer_ = std::make_unique<Trainer>(setup.grid.dp(), std::move(step.parts), training_);
}

Trial::Trial(const Setup& setup, std::optional<Sharding> optimizer) : Trial(setup, 1) {
  StepParts parts = optimizer ? sharded_parts_of_step(setup.grid, model_, training_, *optimizer)
                              : parts_of_step(setup.grid, model_, training_);
  trainer_ = std::make_unique<Trainer>(setup.grid.dp(), std::move(parts), training_);
}

Trainer::Step Trial::step(int64_t number) {
  return trainer_->step(number, [&](Range range) {
    return chapter_10::training_batch(setup_.runtime.backend(), setup_.data, training_.seed, number,
                                      range);
  });
}

double Trial::forward(Gpt::Kept& kept) {
  const Range mine = part_of(training_.batch, setup_.dp(), setup_.grid.dp().rank());
  const Batch batch =
      chapter_10::training_batch(setup_.runtime.backend(), setup_.data, training_.seed, 0, mine);
  Tensor sum = Tensor::zeros(setup_.runtime.backend(), {1});
  add_sum(sum, model_.forward(batch.tokens, batch.targets, batch.sequences, {}, kept));
  return sum.to_host()[0] / static_cast<double>(batch.tokens.elements());
}

void Trial::backward(Gpt::Kept& kept) {
  weights_->reduce_in_next_backward();
  model_.backward(1.0f, kept);
  weights_->wait();
}

Ledger Trial::ledger_of_step() {
  const Ledger before = setup_.runtime.ledger();
  step(0);
  return setup_.runtime.ledger().since(before);
}

std::vector<std::string> Trial::units() const {
  std::vector<std::string> names;
  for (const auto& unit : weights_->units()) names.push_back(unit->name());
  return names;
}

/// The whole tensors, by name.
static std::map<std::string, Tensor> whole_weights(const Setup& setup, Trial& trial) {
  std::map<std::string, Tensor> all;
  for (const StateTensor& tensor : trial.optimizer().state().weights)
    all[tensor.name] = whole_of(setup.runtime.world(), tensor);
  return all;
}

double weights_error(const Setup& setup, Trial& got, Trial& expected) {
  const auto a = whole_weights(setup, got), b = whole_weights(setup, expected);
  double worst = 0;
  for (const auto& [name, values] : b) {
    if (!name.ends_with("c_attn.bias"))
      worst = reference::larger(worst, reference::relative_error(a.at(name), values));
  }
  return worst;
}

LedgerRow row_of(const Ledger& ledger, Collective op, std::string_view group) {
  for (const LedgerRow& row : ledger.rows())
    if (row.op == op && row.group == group) return row;
  return {.op = op, .group = std::string(group)};
}

int64_t sent_in(const Ledger& ledger, std::string_view group) {
  int64_t sent = 0;
  for (const LedgerRow& row : ledger.rows()) sent += row.group == group ? row.sent : 0;
  return sent;
}

}  // namespace shard::chapter_16
