#include "chapters/16_fully_sharded/sharded_unit.h"

#include <limits>

#include "common/tensor/ops.h"

namespace shard {

ShardedUnit::ShardedUnit(Communicator& shards, std::string name, Parameters parameters,
                         DataType computes_in, DataType reduces_in)
    : shards_(shards),
      name_(std::move(name)),
      flat_(std::move(parameters), shards.size()),
      reduces_in_(reduces_in) {
  const Tensor whole = Tensor::zeros(shards.backend(), {flat_.padded()});
  for (size_t i = 0; i < flat_.parameters().size(); ++i) {
    Tensor place = flat_.view(whole, i);
    copy(place, flat_.parameters()[i]->value);
  }
  weight = whole.slice(flat_.range_of(shards.rank())).clone();
  gradient = Tensor::zeros(shards.backend(), weight.shape());
  if (computes_in != DataType::f32) rounded = cast(weight, computes_in);
  set_values({});
  set_gradients({});
}

void ShardedUnit::set_values(const Tensor& whole) {
  for (size_t i = 0; i < flat_.parameters().size(); ++i)
    flat_.parameters()[i]->value = whole ? flat_.view(whole, i) : Tensor();
}

void ShardedUnit::set_gradients(const Tensor& whole) {
  for (size_t i = 0; i < flat_.parameters().size(); ++i)
    flat_.parameters()[i]->gradient = whole ? flat_.view(whole, i) : Tensor();
}

//! [16-weights]
void ShardedUnit::start_gather() {
  whole_ = Tensor(shards_.backend(), {flat_.padded()}, sent().type());
  arriving_.emplace(shards_.start_all_gather_into(whole_, sent()));
}

void ShardedUnit::finish_gather() {
  arriving_->wait();
  arriving_.reset();
  set_values(whole_);
}

void ShardedUnit::free() {
  require(uses == 0, "the weights of ", name_, " would be freed while they are used");
  if (is_arriving()) finish_gather();
  fill(whole_, std::numeric_limits<float>::quiet_NaN());
  whole_ = {};
  set_values({});
}
//! [16-weights]

//! [16-gradients]
void ShardedUnit::take_gradients() {
  gradients_ = Tensor::zeros(shards_.backend(), {flat_.padded()});
  set_gradients(gradients_);
}

void ShardedUnit::start_scatter() {
  const PartialSum term(reduces_in_ == DataType::f32 ? gradients_ : cast(gradients_, reduces_in_));
  scattering_.emplace(shards_.start_reduce_scatter(term));
  gradients_ = {};  // the memory is kept until it has been sent
  set_gradients({});
}

void ShardedUnit::finish_scatter() {
  const Tensor sum = scattering_->wait();
  scattering_.reset();
  accumulate(gradient, reduces_in_ == DataType::f32 ? sum : cast(sum, DataType::f32));
}
//! [16-gradients]

}  // namespace shard
