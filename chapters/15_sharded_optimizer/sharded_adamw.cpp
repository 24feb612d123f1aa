#include "chapters/15_sharded_optimizer/sharded_adamw.h"

#include "chapters/15_sharded_optimizer/range_state.h"
#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

RangeAdamW::RangeAdamW(Backend& backend, std::vector<OwnRange> ranges, const Parameters& parameters,
                       const TrainingSettings& settings, bool writes)
    : backend_(backend), parameters_(parameters), settings_(settings), writes_(writes) {
  for (OwnRange& own : ranges) {
    const Shape shape = own.weight.shape();
    ranges_.push_back(
        {std::move(own), Tensor::zeros(backend, shape), Tensor::zeros(backend, shape)});
  }
}

//! [15-adamw]
void RangeAdamW::update(int64_t step, double learning_rate, const Tensor& gradient_factor) {
  TraceRange range(TraceRow::compute, "update");
  std::vector<TrainedWeight> all;
  for (const auto& [own, first_moment, second_moment] : ranges_) {
    for (const FlatPiece& piece : own.pieces)
      all.push_back({.weight = own.weight.slice(piece.place),
                     .first_moment = first_moment.slice(piece.place),
                     .second_moment = second_moment.slice(piece.place),
                     .gradient = own.gradient.slice(piece.place),
                     .rounded = own.rounded ? own.rounded.slice(piece.place) : Tensor(),
                     .decays = piece.decays()});
  }
  adamw(all, gradient_factor, adamw_of_step(step, learning_rate, settings_));
}

void ShardedAdamW::update(int64_t step, double learning_rate, const Tensor& gradient_factor) {
  ranges_.update(step, learning_rate, gradient_factor);
  gather();
}

void ShardedAdamW::gather() {
  std::vector<Pending> pending;
  for (const Bucket& bucket : buckets_)
    pending.push_back(bucket.group->start_all_gather_into(bucket.weights, bucket.own));
  for (Pending& one : pending) one.wait();
}
//! [15-adamw]

void RangeAdamW::state_was_set() {
  for (auto& [own, first_moment, second_moment] : ranges_)
    if (own.rounded) copy(own.rounded, own.weight);
}

/// Every rank names every parameter, in the order of the model, and has some of its elements or
/// none.
TrainingState RangeAdamW::state() {
  std::vector<RangeTensor> weights, first, second;
  for (const auto& [own, first_moment, second_moment] : ranges_) {
    weights.push_back({own.pieces, own.weight});
    first.push_back({own.pieces, first_moment});
    second.push_back({own.pieces, second_moment});
  }
  const auto state_of_all = [&](const std::vector<RangeTensor>& ranges, const char* suffix) {
    return state_of(backend_, parameters_, ranges, suffix, writes_);
  };
  TrainingState state{.weights = state_of_all(weights, ""), .moments = {}};
  const auto firsts = state_of_all(first, ".first_moment"),
             seconds = state_of_all(second, ".second_moment");
  for (size_t i = 0; i < firsts.size(); ++i)
    state.moments.insert(state.moments.end(), {firsts[i], seconds[i]});
  return state;
}

int64_t RangeAdamW::bytes() const {
  int64_t bytes = 0;
  for (const auto& [own, first_moment, second_moment] : ranges_)
    bytes += own.weight.bytes() + first_moment.bytes() + second_moment.bytes();
  return bytes;
}

// ---- With whole weights on every rank -----------------------------------------------------------

ShardedAdamW::ShardedAdamW(const GradientShards& gradients, const Parameters& parameters,
                           const TrainingSettings& settings)
    : ranges_(gradients.backend(), add_all(gradients, type_of(settings.precision)), parameters,
              settings) {}

std::vector<OwnRange> ShardedAdamW::add_all(const GradientShards& gradients, DataType type) {
  std::vector<OwnRange> ranges;
  for (const GradientShards::Bucket& bucket : gradients.buckets())
    ranges.push_back(add(bucket, type));
  return ranges;
}

OwnRange ShardedAdamW::add(const GradientShards::Bucket& gradients, DataType type) {
  const FlatBucket& flat = gradients.flat;
  Tensor whole = Tensor::zeros(gradients.group->backend(), {flat.padded()});
  for (size_t i = 0; i < flat.parameters().size(); ++i) {
    Tensor place = flat.view(whole, i);
    copy(place, flat.parameters()[i]->value);
  }
  const Range range = flat.range_of(gradients.group->rank());
  const bool rounded = type != DataType::f32;
  const Tensor weights = rounded ? cast(whole, type) : whole, own = weights.slice(range);
  for (size_t i = 0; i < flat.parameters().size(); ++i)
    flat.parameters()[i]->value = flat.view(weights, i);
  buckets_.push_back({gradients.group, weights, own});
  return {.pieces = flat.pieces_of(gradients.group->rank()),
          .weight = rounded ? whole.slice(range).clone() : own,
          .gradient = gradients.own,
          .rounded = rounded ? own : Tensor()};
}

void ShardedAdamW::state_was_set() {
  ranges_.state_was_set();
  gather();
}

int64_t ShardedAdamW::bytes() const {
  int64_t bytes = ranges_.bytes();
  for (const auto& [group, weights, own] : buckets_)  // in f32 the own ranges are in both
    bytes += weights.bytes() - (own.type() == DataType::f32 ? own.bytes() : 0);
  return bytes;
}

}  // namespace shard
