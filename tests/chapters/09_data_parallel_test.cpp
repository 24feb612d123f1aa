// DataParallel: the ranks' parts of a batch give the gradients of the whole batch, reduced once,
// bucket by bucket.
#include "chapters/09_data_parallel/data_parallel.h"
#include "chapters/09_data_parallel/small_model.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using namespace shard::chapter_09;
using reference::relative_error;

namespace {

constexpr int64_t layers = 3, width = 6;

/// Forward and backward of samples `range` of a batch of `batch`; adds that part's share to loss
/// and gradients.
void pass(SmallModel& model, Range range, int64_t batch, Tensor& loss) {
  const Tensor x = samples(backend(), 5, 0, width, range),
               wanted = samples(backend(), 5, 1, width, range);
  SmallModel::Kept kept;
  const Tensor y = model.forward(x, kept);
  model.backward(squared_error(y, wanted, batch, loss), kept);
}

Range mine(int64_t begin, int64_t end) {
  const Range part = part_of(end - begin, world().size(), world().rank());
  return {begin + part.begin, begin + part.end};
}

}  // namespace

TEST_CASE(
    "data parallel: gradients and loss are those of one process on the whole batch, for every "
    "bucket size") {
  const int64_t batch = 11;  // not divisible by the ranks
  SmallModel whole(alone(), layers, width, 7);
  Tensor whole_loss = Tensor::zeros(backend(), {1});
  pass(whole, {0, batch}, batch, whole_loss);

  for (int64_t bucket_bytes : {1, 600, 1 << 20}) {
    INFO("buckets of ", bucket_bytes, " bytes");
    SmallModel model(alone(), layers, width, 7);
    DataParallel data_parallel(world(), model.parameters(), bucket_bytes);
    for (int repeat = 0; repeat < 2; ++repeat) {
      Tensor loss = Tensor::zeros(backend(), {1});
      data_parallel.zero_gradients();
      data_parallel.reduce_in_next_backward();
      pass(model, mine(0, batch), batch, loss);
      data_parallel.wait();
      CHECK(relative_error(world().all_reduce(PartialSum(loss)), whole_loss) < tolerance);
      check_gradients(model.parameters(), whole.parameters());
      for (const DataParallel::Bucket& bucket : data_parallel.buckets())
        check_replicated(bucket.gradients);
    }
  }
}

TEST_CASE("data parallel: many micro-batches reduce once, one all-reduce per bucket") {
  const int64_t batch = 15, micro = 5;
  SmallModel whole(alone(), layers, width, 7), model(alone(), layers, width, 7);
  Tensor loss = Tensor::zeros(backend(), {1});
  pass(whole, {0, batch}, batch, loss);

  DataParallel data_parallel(world(), model.parameters(), 600);
  const Ledger before = ledger();
  for (int64_t begin = 0; begin < batch; begin += micro) {
    CHECK(ledger().since(before).calls(Collective::all_reduce, "world") == 0);
    if (begin + micro == batch) data_parallel.reduce_in_next_backward();
    pass(model, mine(begin, begin + micro), batch, loss);
  }
  data_parallel.wait();
  const Ledger since = ledger().since(before);
  CHECK(since.calls(Collective::all_reduce, "world") == std::ssize(data_parallel.buckets()));
  check_gradients(model.parameters(), whole.parameters());
}

TEST_CASE(
    "data parallel: buckets hold every parameter once, from the last to the first, up to their "
    "size") {
  SmallModel model(alone(), layers, width, 7);
  const Parameters parameters = model.parameters();
  std::vector<std::string> expected;
  for (size_t i = parameters.size(); i-- > 0;) expected.push_back(parameters[i]->name);
  for (int64_t bucket_bytes : {1, 600, 1 << 20}) {
    const DataParallel data_parallel(world(), parameters, bucket_bytes);
    std::vector<std::string> names;
    int64_t elements = 0, waiting = 0;
    for (const DataParallel::Bucket& bucket : data_parallel.buckets()) {
      names.insert(names.end(), bucket.parameters.begin(), bucket.parameters.end());
      elements += bucket.gradients.elements();
      waiting += bucket.waiting_for;
      CHECK(
          (bucket.gradients.bytes() >= bucket_bytes || &bucket == &data_parallel.buckets().back()));
    }
    CHECK(names == expected);
    CHECK(waiting == 0);
    CHECK(elements == layers * (4 * width + 3) * width);
  }
}

TEST_CASE("data parallel: a gradient that never becomes ready is named") {
  SmallModel model(alone(), layers, width, 7);
  DataParallel data_parallel(world(), model.parameters(), 1);
  data_parallel.reduce_in_next_backward();
  CHECK(contains(message_of([&] { data_parallel.wait(); }),
                 "the backward pass finished without 1 gradient of the bucket"));
}

TEST_CASE("data parallel: parameters outlive it and no longer report to it") {
  SmallModel model(alone(), layers, width, 7);
  { const DataParallel data_parallel(world(), model.parameters(), 600); }
  Tensor loss = Tensor::zeros(backend(), {1});
  const Ledger before = ledger();
  pass(model, {0, 4}, 4, loss);
  CHECK(ledger().since(before).calls(Collective::all_reduce, "world") == 0);
}

TEST_CASE("data parallel: others may listen to the same gradients") {
  SmallModel model(alone(), layers, width, 7);
  int heard = 0;
  std::vector<Listener> listeners;
  for (Parameter* parameter : model.parameters())
    listeners.push_back(parameter->on_gradient_ready([&] { ++heard; }));
  DataParallel data_parallel(world(), model.parameters(), 600);
  Tensor loss = Tensor::zeros(backend(), {1});
  data_parallel.reduce_in_next_backward();
  pass(model, {0, 4}, 4, loss);
  data_parallel.wait();
  CHECK(heard == std::ssize(model.parameters()));
}

TEST_CASE("small model: two passes at once, and weights that come and go") {
  check_passes<SmallModel>({
      .make = [] { return std::make_unique<SmallModel>(world(), layers, width, 7); },
      .forward =
          [](const auto& model, int pass, auto& kept) {
            return model.forward(tensor(random_matrix(5, width, text("x", pass))), kept);
          },
      .backward =
          [](auto& model, int pass, auto& kept) {
            return model.backward(tensor(random_matrix(5, width, text("dy", pass))), kept);
          },
  });
}

TEST_CASE("data parallel: it reduces what is partial over its axis, and resets all gradients") {
  SmallModel model(alone(), layers, width, 7);
  const Parameters parameters = model.parameters();
  Parameter& other = *parameters[1];
  other.partial_over = {"tp"};
  for (const char* axis : {"dp", "edp"}) {
    CAPTURE(axis);
    for (Parameter* parameter : parameters)
      if (parameter != &other) parameter->partial_over = {"tp", axis};
    DataParallel data_parallel(world(), parameters, 600, DataType::f32, axis);
    data_parallel.zero_gradients();
    const auto mine = [&](int rank) {
      return tensor(random_matrix(1, other.gradient.elements(), text("on rank ", rank)));
    };
    copy(other.gradient, mine(world().rank()).reshape(other.gradient.shape()));
    Parameter& first = *parameters[0];
    fill(first.gradient, static_cast<float>(world().rank() + 1));
    data_parallel.reduce_in_next_backward();
    for (const Parameter* parameter : parameters) parameter->gradient_is_ready();
    data_parallel.wait();
    CHECK(other.gradient.to_host() == mine(world().rank()).to_host());
    const auto sum = static_cast<float>(world().size() * (world().size() + 1) / 2);
    for (float value : first.gradient.to_host()) CHECK(value == sum);
    data_parallel.zero_gradients();
    for (const Parameter* parameter : parameters)
      for (float value : parameter->gradient.to_host()) CHECK(value == 0);
  }
}
