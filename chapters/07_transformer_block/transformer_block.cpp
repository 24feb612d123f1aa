#include "chapters/07_transformer_block/transformer_block.h"

namespace shard {

NormLayer::NormLayer(Backend& backend, const std::string& name, int64_t width, const Init& init,
                     bool counts)
    : gain(backend, name + ".weight", Shard::all({width}), init.seed, init.vector, 1.0f),
      bias(backend, name + ".bias", Shard::all({width}), init.seed, init.vector) {
  gain.counts = bias.counts = counts;
}

Tensor NormLayer::forward(const Tensor& x, Kept& kept) const {
  kept.x = x;
  kept.normed = layer_norm(x, *gain.use(), *bias.use());
  return std::move(kept.normed.y);
}

Tensor NormLayer::backward(const Tensor& dy, const Kept& kept) {
  Tensor dx = layer_norm_backward(dy, kept.x, kept.normed, *gain.use(), gain.open_gradient(),
                                  bias.open_gradient());
  gain.gradient_is_ready();
  bias.gradient_is_ready();
  return dx;
}

NormLayer::Sum NormLayer::add_forward(const Tensor& x, const Tensor& z, Kept& kept,
                                      const Parameter* z_bias) const {
  const auto sum = [&](const Tensor* addend) {
    auto [u, normed] = add_layer_norm(x, z, *gain.use(), *bias.use(), addend);
    Tensor y = std::move(normed.y);
    kept = {u, normed};
    return Sum{u, y};
  };
  return z_bias != nullptr ? sum(&*z_bias->use()) : sum(nullptr);
}

Tensor NormLayer::backward_add(const Tensor& dy, const Tensor& dresidual, const Kept& kept,
                               Parameter* z_bias) {
  Tensor dx = layer_norm_backward_add(dy, dresidual, kept.x, kept.normed, *gain.use(),
                                      gain.open_gradient(), bias.open_gradient(),
                                      z_bias != nullptr ? &z_bias->open_gradient() : nullptr);
  gain.gradient_is_ready();
  bias.gradient_is_ready();
  if (z_bias != nullptr) z_bias->gradient_is_ready();
  return dx;
}

Tensor dropout_of_rows(const Tensor& x, int64_t batch, const DropoutMoment& moment,
                       const std::string& place) {
  if (moment.probability == 0.0f) return x;
  const RowMap rows = moment.rows_of(batch, x.rows());
  return dropout(x, moment.probability, moment.stream_at(place), rows.ranges());
}

template class BasicBlock<FusedAttention, FusedMlp>;

}  // namespace shard
