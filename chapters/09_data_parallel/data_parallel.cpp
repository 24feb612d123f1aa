#include "chapters/09_data_parallel/data_parallel.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/counted.h"
#include "common/tensor/ops.h"

namespace shard {

//! [09-buckets]
std::vector<Range> bucket_ranges(std::span<const int64_t> elements, int64_t bucket_bytes) {
  std::vector<Range> ranges;
  int64_t bytes = 0;
  auto end = std::ssize(elements);
  for (int64_t i = end; i-- > 0;) {  // the backward pass finishes the last one first
    bytes += elements[static_cast<size_t>(i)] * size_of(DataType::f32);
    if (bytes < bucket_bytes && i > 0) continue;
    ranges.push_back({i, end});
    end = i;
    bytes = 0;
  }
  return ranges;
}

DataParallel::DataParallel(Communicator& group, const Parameters& parameters, int64_t bucket_bytes,
                           DataType reduce_in, std::string_view axis)
    : group_(group), reduce_in_(reduce_in) {
  Parameters reduced;
  for (Parameter* parameter : parameters)
    (parameter->is_partial_over(axis) ? reduced : others_).push_back(parameter);
  for (const Range& range : bucket_ranges(local_elements(reduced), bucket_bytes)) {
    Parameters bucket(reduced.begin() + range.begin, reduced.begin() + range.end);
    std::ranges::reverse(bucket);
    add_bucket(bucket);
  }
  pending_.reserve(buckets_.size());
  started_.reserve(buckets_.size());
}

void DataParallel::add_bucket(const Parameters& parameters) {
  int64_t elements = 0;
  for (const Parameter* parameter : parameters) elements += parameter->value.elements();
  Bucket bucket{Tensor::zeros(group_.backend(), {elements}), {}};
  const size_t index = buckets_.size();
  int64_t begin = 0;
  for (Parameter* parameter : parameters) {
    const int64_t end = begin + parameter->value.elements();
    parameter->gradient = bucket.gradients.slice({begin, end}).reshape(parameter->value.shape());
    listeners_.push_back(parameter->on_gradient_ready([this, index] { on_ready(index); }));
    bucket.parameters.push_back(parameter->name);
    begin = end;
  }
  buckets_.push_back(std::move(bucket));
}
//! [09-buckets]

void DataParallel::zero_gradients() {
  std::vector<Tensor> gradients;
  for (const Bucket& bucket : buckets_) gradients.push_back(bucket.gradients);
  for (const Parameter* parameter : others_) gradients.push_back(parameter->gradient);
  zero(gradients);
}

//! [09-overlap]
void DataParallel::reduce_in_next_backward() {
  reducing_ = true;
  for (Bucket& bucket : buckets_) bucket.waiting_for = static_cast<int>(bucket.parameters.size());
}

void DataParallel::on_ready(size_t index) {
  if (!reducing_) return;  // a micro-batch that only accumulates
  Bucket& bucket = buckets_[index];
  require(bucket.waiting_for > 0, "a parameter of ", bucket.parameters.front(),
          "'s bucket became ready twice");
  if (--bucket.waiting_for > 0) return;
  bucket.started = now();
  PartialSum term(reduce_in_ == DataType::f32 ? bucket.gradients
                                              : cast(bucket.gradients, reduce_in_));
  pending_.push_back(group_.start_all_reduce(term));  // runs during the backward pass
  started_.push_back(index);
}

void DataParallel::wait() {
  for (const Bucket& bucket : buckets_) {
    require(!reducing_ || bucket.waiting_for == 0, "the backward pass finished without ",
            counted(bucket.waiting_for, "gradient"), " of the bucket of ",
            bucket.parameters.front());
  }
  for (size_t i = 0; i < pending_.size(); ++i) {
    Bucket& bucket = buckets_[started_[i]];
    const Tensor sum = pending_[i].wait();
    if (reduce_in_ != DataType::f32) copy(bucket.gradients, sum);
    bucket.finished = now();
  }
  pending_.clear();
  started_.clear();
  reducing_ = false;
}
//! [09-overlap]

}  // namespace shard
