#include "chapters/15_sharded_optimizer/gradient_shards.h"

#include <algorithm>

#include "chapters/15_sharded_optimizer/range_state.h"
#include "common/base/counted.h"
#include "common/comm/data_ranks.h"
#include "common/tensor/ops.h"

namespace shard {

GradientShards::GradientShards(Grid& grid, const Parameters& parameters, Sharding sharding,
                               DataType reduce_in, int64_t bucket_bytes)
    : backend_(grid.world().backend()),
      parameters_(parameters),
      sharding_(sharding),
      reduce_in_(reduce_in),
      other_axes_(grid, parameters, axes_of_data_ranks()) {
  for (Communicator* group : groups_of_data_ranks(grid)) {
    Parameters alone, with_others;
    for (Parameter* parameter : parameters) {
      if (&data_ranks_of(grid, *parameter) != group) continue;
      (is_partial_over_others(grid, *parameter) ? with_others : alone).push_back(parameter);
    }
    add_buckets(*group, alone, bucket_bytes, false);
    add_buckets(*group, with_others, bucket_bytes, true);
  }
  for (Bucket& bucket : buckets_) {  // from here on they stay where they are
    for (Parameter* parameter : bucket.flat.parameters()) {
      listeners_.push_back(parameter->on_gradient_ready([this, &bucket] { on_ready(bucket); }));
      parameter->before_gradient = [this, &bucket] { open(bucket); };
    }
    sharding == Sharding::moments ? open(bucket) : close(bucket);
  }
}

GradientShards::~GradientShards() {
  for (const Bucket& bucket : buckets_) {
    for (Parameter* parameter : bucket.flat.parameters()) {  // they outlive this object
      parameter->before_gradient = nullptr;
      if (!parameter->gradient)
        parameter->gradient = Tensor::zeros(backend_, parameter->shard.local());
    }
  }
}

void GradientShards::add_buckets(Communicator& group, const Parameters& parameters,
                                 int64_t bucket_bytes, bool at_end) {
  for (FlatBucket& flat : flat_buckets(parameters, bucket_bytes, group.size())) {
    Bucket bucket{.group = &group, .flat = std::move(flat), .own = {}, .at_end = at_end};
    if (sharding_ != Sharding::moments) {
      bucket.own = Tensor::zeros(backend_, {bucket.flat.range_of(0).size()});
      bytes_ += bucket.own.bytes();
    }
    buckets_.push_back(std::move(bucket));
  }
}

/// The own range of the whole gradients.
Tensor GradientShards::own_part(const Bucket& bucket) const {
  return bucket.gradients.slice(bucket.flat.range_of(bucket.group->rank()));
}

/// Whole gradients get memory when the first of them is added to.
void GradientShards::open(Bucket& bucket) {
  while (bucket.pending) finish_oldest();  // those of the micro-batch before
  if (bucket.gradients) return;
  bucket.gradients = Tensor::zeros(backend_, {bucket.flat.padded()});
  for (size_t i = 0; i < bucket.flat.parameters().size(); ++i)
    bucket.flat.parameters()[i]->gradient = bucket.flat.view(bucket.gradients, i);
  if (sharding_ == Sharding::moments) bucket.own = own_part(bucket);
  bucket.waiting_for = bucket.flat.parameters().size();
  bytes_ += bucket.gradients.bytes();
  peak_bytes_ = std::max(peak_bytes_, bytes_);
}

void GradientShards::close(Bucket& bucket) {
  if (bucket.gradients) bytes_ -= bucket.gradients.bytes();
  bucket.gradients = {};
  for (Parameter* parameter : bucket.flat.parameters()) parameter->gradient = {};
}

void GradientShards::zero_gradients() {
  std::vector<Tensor> all;
  for (const Bucket& bucket : buckets_)
    all.push_back(sharding_ == Sharding::moments ? bucket.gradients : bucket.own);
  zero(all);
  peak_bytes_ = bytes_;
}

void GradientShards::reduce_in_next_backward() {
  is_last_pass_ = true;
  for (Bucket& bucket : buckets_) bucket.waiting_for = bucket.flat.parameters().size();
}

//! [15-reduce]
void GradientShards::on_ready(Bucket& bucket) {
  const bool reduces = is_last_pass_ || (sharding_ == Sharding::gradients && !bucket.at_end);
  if (!reduces) return;  // a micro-batch that only accumulates
  require(bucket.waiting_for > 0, "a parameter of ", bucket.flat.parameters().front()->name,
          "'s bucket became ready twice");
  if (--bucket.waiting_for > 0 || bucket.at_end) return;
  start(bucket);  // runs during the backward pass
}

void GradientShards::start(Bucket& bucket) {
  // what is under way keeps its whole gradients: one bucket is, while the next is computed
  while (sharding_ != Sharding::moments && under_way_.size() > 1) finish_oldest();
  const Tensor& terms = bucket.gradients;
  bucket.pending.emplace(
      reduce_in_ == DataType::f32
          ? bucket.group->start_reduce_scatter_into(own_part(bucket), PartialSum(terms))
          : bucket.group->start_reduce_scatter(PartialSum(cast(terms, reduce_in_))));
  under_way_.push_back(&bucket);
}

void GradientShards::finish_oldest() {
  Bucket& bucket = *under_way_.front();
  under_way_.pop_front();
  const Tensor sum = bucket.pending->wait();
  bucket.pending.reset();
  Tensor own = own_part(bucket);
  if (reduce_in_ != DataType::f32) copy(own, sum);
  if (sharding_ == Sharding::moments) return;
  accumulate(bucket.own, own);
  close(bucket);
}

void GradientShards::wait() {
  for (const Bucket& bucket : buckets_) {
    require(!is_last_pass_ || bucket.waiting_for == 0, "the backward pass finished without ",
            counted(static_cast<int64_t>(bucket.waiting_for), "gradient"), " of the bucket of ",
            bucket.flat.parameters().front()->name);
  }
  // before the sum over dp, as the tp ranks of an uneven layer have ranges of other elements
  if (is_last_pass_) other_axes_.sum();
  for (Bucket& bucket : buckets_)
    if (is_last_pass_ && bucket.at_end) start(bucket);
  while (!under_way_.empty()) finish_oldest();
  is_last_pass_ = false;
}
//! [15-reduce]

std::vector<StateTensor> GradientShards::gradients() const {
  std::vector<RangeTensor> ranges;
  for (const Bucket& bucket : buckets_)
    ranges.push_back({bucket.flat.pieces_of(bucket.group->rank()), bucket.own});
  return state_of(backend_, parameters_, ranges);
}

}  // namespace shard
