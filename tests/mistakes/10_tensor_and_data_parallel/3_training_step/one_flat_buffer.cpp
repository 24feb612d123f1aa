// right: all gradients and the loss travel in one buffer, from which they are used
#include <algorithm>

#include "tests/mistakes/10_tensor_and_data_parallel/3_training_step/right.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  const Parameters parameters = model.parameters();
  zero_gradients(parameters);
  const Tensor loss = passes(grid, model, batch_of, settings, mean(model, settings));
  std::vector<Parameter*> ordered = parameters;  // what is partial over tp comes first
  std::ranges::stable_partition(ordered, [](Parameter* p) { return p->is_partial_over("tp"); });
  int64_t elements = 1, partial = 0;
  for (const Parameter* parameter : ordered) {
    elements += parameter->gradient.elements();
    if (parameter->is_partial_over("tp")) partial += parameter->gradient.elements();
  }
  Tensor flat = Tensor::zeros(grid.world().backend(), {elements});
  int64_t begin = 0;
  for (Parameter* parameter : ordered) {
    const int64_t end = begin + parameter->gradient.elements();
    Tensor place = flat.slice({begin, end}).reshape(parameter->gradient.shape());
    copy(place, parameter->gradient);
    parameter->gradient = place;
    begin = end;
  }
  Tensor last = flat.slice({begin, begin + 1});
  copy(last, loss);
  grid.dp().all_reduce(PartialSum(flat));  // in place
  grid.tp().all_reduce(PartialSum(flat.slice({0, partial})));
  const Tensor sum = squares(grid, parameters);
  update(parameters, moments, factor_of(sum, settings), hyper_of(settings, step + 1), settings);
  return {last.to_host()[0] * static_cast<double>(mean(model, settings)),
          std::sqrt(sum.to_host()[0])};
}

}  // namespace shard
