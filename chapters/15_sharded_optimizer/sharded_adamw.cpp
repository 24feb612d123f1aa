#include "chapters/15_sharded_optimizer/sharded_adamw.h"

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

ShardedAdamW::ShardedAdamW(const GradientShards& gradients, const Parameters& parameters,
                           const TrainingSettings& settings)
    : group_(gradients.group()), parameters_(parameters), settings_(settings) {
  for (const GradientShards::Bucket& bucket : gradients.buckets())
    add(bucket, type_of(settings.precision));
}

void ShardedAdamW::add(const GradientShards::Bucket& gradients, DataType type) {
  const FlatBucket& flat = gradients.flat;
  Tensor whole = Tensor::zeros(group_.backend(), {flat.padded()});
  for (size_t i = 0; i < flat.parameters().size(); ++i) {
    Tensor place = flat.view(whole, i);
    copy(place, flat.parameters()[i]->value);
  }
  const Range range = flat.range_of(group_.rank());
  const bool rounded = type != DataType::f32;
  const Tensor weights = rounded ? cast(whole, type) : whole, own = weights.slice(range);
  for (size_t i = 0; i < flat.parameters().size(); ++i)
    flat.parameters()[i]->value = flat.view(weights, i);
  buckets_.push_back({.gradients = gradients,
                      .pieces = flat.pieces_of(group_.rank()),
                      .weights = weights,
                      .own = own,
                      .weight = rounded ? whole.slice(range).clone() : own,
                      .first_moment = Tensor::zeros(group_.backend(), {range.size()}),
                      .second_moment = Tensor::zeros(group_.backend(), {range.size()})});
}

//! [15-adamw]
void ShardedAdamW::update(int64_t step, double learning_rate, const Tensor& gradient_factor) {
  TraceRange range(TraceRow::compute, "update");
  const AdamW hyper{
      static_cast<float>(learning_rate),          static_cast<float>(settings_.beta1),
      static_cast<float>(settings_.beta2),        static_cast<float>(settings_.epsilon),
      static_cast<float>(settings_.weight_decay), step + 1};
  std::vector<TrainedWeight> all;
  for (const Bucket& bucket : buckets_) {
    const bool is_rounded = bucket.own.type() != bucket.weight.type();
    for (const FlatPiece& piece : bucket.pieces)
      all.push_back({.weight = bucket.weight.slice(piece.place),
                     .first_moment = bucket.first_moment.slice(piece.place),
                     .second_moment = bucket.second_moment.slice(piece.place),
                     .gradient = bucket.gradients.own.slice(piece.place),
                     .rounded = is_rounded ? bucket.own.slice(piece.place) : Tensor(),
                     .decays = piece.decays()});
  }
  adamw(all, gradient_factor, hyper);
  gather();
}

void ShardedAdamW::gather() {
  std::vector<Pending> pending;
  for (const Bucket& bucket : buckets_)
    pending.push_back(group_.start_all_gather_into(bucket.weights, bucket.own));
  for (Pending& one : pending) one.wait();
}
//! [15-adamw]

void ShardedAdamW::state_was_set() {
  for (Bucket& bucket : buckets_)
    if (bucket.own.type() != bucket.weight.type()) copy(bucket.own, bucket.weight);
  gather();
}

//! [15-state]
/// Every rank names every parameter, in the order of the model, and has some of its elements or
/// none.
TrainingState ShardedAdamW::state() {
  struct Own {
    const Bucket* bucket = nullptr;
    FlatPiece piece = {};
  };
  std::map<const Parameter*, Own> own;
  for (const Bucket& bucket : buckets_)
    for (const FlatPiece& piece : bucket.pieces) own[piece.parameter] = {&bucket, piece};
  TrainingState state;
  for (const Parameter* parameter : parameters_) {
    const auto& [bucket, piece] = own[parameter];
    const auto add = [&, &of = bucket, &mine = piece](std::vector<StateTensor>& to,
                                                      const char* suffix, Tensor Bucket::*tensor) {
      to.push_back({.name = parameter->name + suffix,
                    .shard = parameter->shard,
                    .part = of ? (of->*tensor).slice(mine.place) : Tensor(group_.backend(), {0}),
                    .writes = of && parameter->counts,
                    .held = mine.elements});
    };
    add(state.weights, "", &Bucket::weight);
    add(state.moments, ".first_moment", &Bucket::first_moment);
    add(state.moments, ".second_moment", &Bucket::second_moment);
  }
  return state;
}
//! [15-state]

int64_t ShardedAdamW::bytes() const {
  int64_t bytes = 0;
  for (const Bucket& bucket : buckets_) {
    bytes += bucket.weights.bytes() + bucket.first_moment.bytes() + bucket.second_moment.bytes();
    if (bucket.own.type() != bucket.weight.type()) bytes += bucket.weight.bytes();
  }
  return bytes;
}

}  // namespace shard
