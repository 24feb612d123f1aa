#include "chapters/09_data_parallel/replica.h"

#include "common/check/compare.h"
#include "common/check/reference.h"
#include "common/tensor/ops.h"

namespace shard::chapter_09 {

Replica::Replica(Runtime& runtime, Communicator& replicas, const Settings& s)
    : settings(s),
      group(replicas),
      alone(runtime.alone()),
      model(*alone, s.layers, s.width, s.seed),
      teacher(*alone, s.layers, s.width, s.seed + 1),
      data_parallel(replicas, model.parameters(), s.bucket_kilobytes * 1000),
      loss(Tensor::zeros(runtime.backend(), {1})) {}

void Replica::pass(int64_t step, Range range, int64_t mean_over) {
  // [samples × width]
  const Tensor x = samples(loss.backend(), settings.seed, step, settings.width, range);
  SmallModel::Kept of_teacher, kept;
  const Tensor wanted = teacher.forward(x, of_teacher);
  const Tensor y = model.forward(x, kept);
  model.backward(squared_error(y, wanted, mean_over, loss), kept);
}

double Replica::gradients(int64_t step, int64_t passes) {
  data_parallel.zero_gradients();
  fill(loss, 0.0f);
  for (int64_t i = 0; i < passes; ++i) {
    if (i == passes - 1) data_parallel.reduce_in_next_backward();
    const Range micro_batch = part_of(part().size(), static_cast<int>(passes), static_cast<int>(i));
    pass(step, {part().begin + micro_batch.begin, part().begin + micro_batch.end}, settings.batch);
  }
  data_parallel.wait();
  return group.sum_of(loss.to_host()[0]);
}

void Replica::descend() {
  for (Parameter* parameter : model.parameters()) {
    accumulate(parameter->value, parameter->gradient, static_cast<float>(-settings.learning_rate));
  }
}

double value_error(Replica& got, Replica& expected) {
  double worst = 0;
  const Parameters a = got.model.parameters(), b = expected.model.parameters();
  for (size_t i = 0; i < a.size(); ++i) {
    worst = reference::larger(worst, reference::relative_error(a[i]->value, b[i]->value));
  }
  return worst;
}

double gradient_error(Replica& got, Replica& expected) {
  return largest_gradient_error(got.model.parameters(), expected.model.parameters());
}

}  // namespace shard::chapter_09
