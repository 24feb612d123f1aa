#include "chapters/09_data_parallel/small_model.h"

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard::chapter_09 {

SmallModel::SmallModel(Communicator& group, int64_t layers, int64_t width, uint64_t seed) {
  for (int64_t layer = 0; layer < layers; ++layer) {
    layers_.push_back(
        std::make_unique<ParallelMlp>(group, text("h.", layer), width, 2 * width,
                                      Init{.seed = seed, .weight = 0.12f, .vector = 0.1f}, 0.12f));
  }
}

Tensor SmallModel::forward(const Tensor& x, Kept& kept) const {
  TraceRange range(TraceRow::compute, "forward");
  kept.layers.resize(layers_.size());
  Tensor y = x;
  for (size_t i = 0; i < layers_.size(); ++i) y = add(y, layers_[i]->forward(y, kept.layers[i]));
  return y;
}

Tensor SmallModel::backward(const Tensor& dy, const Kept& kept) {
  TraceRange range(TraceRow::compute, "backward");
  Tensor dx = dy;
  for (size_t i = layers_.size(); i-- > 0;) dx = add(dx, layers_[i]->backward(dx, kept.layers[i]));
  return dx;
}

Parameters SmallModel::parameters() {
  Parameters all;
  for (auto& layer : layers_) append(all, layer->parameters());
  return all;
}

Tensor samples(Backend& backend, uint64_t seed, int64_t step, int64_t width, Range range) {
  const RandomStream random{seed, stream_of("samples", static_cast<uint64_t>(step))};
  std::vector<float> values;
  for (int64_t i = range.begin * width; i < range.end * width; ++i) {
    values.push_back(random.normal(static_cast<uint64_t>(i)));
  }
  return Tensor::from(backend, {range.size(), width}, std::span<const float>(values));
}

Tensor squared_error(const Tensor& y, const Tensor& wanted, int64_t whole_batch, Tensor& loss) {
  const float share = 1.0f / static_cast<float>(whole_batch * y.columns());
  Tensor difference = y.clone();
  accumulate(difference, wanted, -1.0f);
  Tensor squares = Tensor::zeros(y.backend(), {1});
  add_sum_of_squares(squares, difference);
  accumulate(loss, squares, share);
  scale(difference, 2.0f * share);
  return difference;
}

}  // namespace shard::chapter_09
