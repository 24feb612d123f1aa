#include "chapters/07_transformer_block/transformer_block.h"

#include "common/comm/trace.h"

namespace shard {

NormLayer::NormLayer(Backend& backend, const std::string& name, int64_t width, const Init& init)
    : gain_(backend, name + ".weight", Shard::all({width}), init.seed, init.vector, 1.0f),
      bias_(backend, name + ".bias", Shard::all({width}), init.seed, init.vector) {}

Tensor NormLayer::forward(const Tensor& x) {
  x_ = x;
  normed_ = layer_norm(x, gain_.value, bias_.value);
  return normed_.y;
}

Tensor NormLayer::backward(const Tensor& dy) {
  Tensor dx = layer_norm_backward(dy, x_, normed_, gain_.value, gain_.gradient, bias_.gradient);
  gain_.gradient_is_ready();
  bias_.gradient_is_ready();
  return dx;
}

TransformerBlock::TransformerBlock(Communicator& group, const std::string& name, BlockSizes sizes,
                                   const Init& init, float projection)
    : name_(name),
      norm_1_(group.backend(), name + ".ln_1", sizes.width, init),
      attention_(group, name + ".attn", sizes.width, sizes.heads, init, projection),
      norm_2_(group.backend(), name + ".ln_2", sizes.width, init),
      mlp_(group, name + ".mlp", sizes.width, sizes.hidden, init, projection) {}

static RandomStream stream_at(const DropoutMoment& moment, const std::string& place) {
  return {moment.seed, stream_of(place, moment.pass)};
}

/// x [batch·context × width] is whole rows of the global batch, so the mask depends on its first
/// row only.
Tensor TransformerBlock::with_dropout(const Tensor& x, const char* place) const {
  if (moment_.probability == 0.0f) return x;
  const int64_t context = x.rows() / batch_;
  const Block block{moment_.first_sequence * context, 0, x.columns()};
  return dropout(x, moment_.probability, stream_at(moment_, name_ + place), block);
}

//! [07-block]
Tensor TransformerBlock::forward(const Tensor& x, int64_t batch, const DropoutMoment& moment) {
  TraceRange range(TraceRow::compute, "block forward", name_);
  batch_ = batch;
  moment_ = moment;
  const AttentionDropout inside{
      moment.probability, stream_at(moment, name_ + ".attn.probabilities"), moment.first_sequence};
  const Tensor attended =
      attention_.forward(norm_1_.forward(x), batch, inside);  // [tokens × width], one all-reduce
  const Tensor u = add(x, with_dropout(attended, ".attn"));
  const Tensor transformed = mlp_.forward(norm_2_.forward(u));  // [tokens × width], one all-reduce
  return add(u, with_dropout(transformed, ".mlp"));
}

Tensor TransformerBlock::backward(const Tensor& dy) {
  TraceRange range(TraceRow::compute, "block backward", name_);
  Tensor du = norm_2_.backward(mlp_.backward(with_dropout(dy, ".mlp")));  // one all-reduce
  accumulate(du, dy);                                                     // the residual's share
  Tensor dx = norm_1_.backward(attention_.backward(with_dropout(du, ".attn")));  // one all-reduce
  accumulate(dx, du);
  return dx;
}
//! [07-block]

Tensor TransformerBlock::forward_next(const Tensor& x, KeyValueCache& cache) {
  const Tensor u = add(x, attention_.forward_next(norm_1_.forward(x), cache));
  return add(u, mlp_.forward(norm_2_.forward(u)));
}

Parameters TransformerBlock::parameters() {
  Parameters all = norm_1_.parameters();
  append(all, attention_.parameters());
  append(all, norm_2_.parameters());
  append(all, mlp_.parameters());
  return all;
}

}  // namespace shard
