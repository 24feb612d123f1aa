// Sums over the axes that parameters name: which ranks add up, what the ledger says, and that
// nothing is sent where nothing is left to do.
#include "common/comm/partial_gradients.h"

#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

Parameter made(const std::string& name, int64_t rows, int64_t columns) {
  return {backend(), name, Shard::all({rows, columns}), 1, 1.0f};
}

/// The gradient of this parameter that a rank has before it is reduced.
Tensor gradient_on(int rank, const Parameter& parameter) {
  const Shape& shape = parameter.gradient.shape();
  return tensor(random_matrix(shape[0], shape[1], text(parameter.name, " on rank ", rank)));
}

Tensor sum_over(const std::vector<int>& ranks, const Parameter& parameter) {
  Tensor sum = Tensor::zeros(backend(), parameter.gradient.shape());
  for (int rank : ranks) accumulate(sum, gradient_on(rank, parameter));
  return sum;
}

void set_gradients(const Parameters& parameters) {
  for (Parameter* parameter : parameters)
    copy(parameter->gradient, gradient_on(world().rank(), *parameter));
}

}  // namespace

TEST_CASE("partial gradients: over tp, in one all_reduce of all of them") {
  const int size = world().size();
  for (int tp = 1; tp <= size; ++tp) {
    if (size % tp != 0) continue;
    CAPTURE(tp);
    Grid grid(world(), {{"tp", tp}, {"dp", size / tp}});
    Parameter gain = made("gain", 1, 7), bias = made("bias", 1, 5), other = made("other", 4, 3);
    gain.partial_over = bias.partial_over = {"tp", "dp"};
    const Parameters parameters{&gain, &other, &bias};
    PartialGradients partial(grid, parameters, {"dp"});
    for (int repeat = 0; repeat < 2; ++repeat) {
      set_gradients(parameters);
      const Ledger before = ledger();
      partial.sum();
      const Ledger done = ledger().since(before);
      CHECK(done.calls() == (tp > 1));
      CHECK(done.calls(Collective::all_reduce, "tp") == (tp > 1));
      CHECK(done.bytes() == (tp > 1 ? 4 * (7 + 5) : 0));
      const std::vector<int> group = grid.layout().group_of(world().rank(), {"tp"});
      for (const Parameter* parameter : {&gain, &bias})
        CHECK(relative_error(parameter->gradient, sum_over(group, *parameter)) < 1e-6);
      CHECK(relative_error(other.gradient, gradient_on(world().rank(), other)) == 0);
    }
  }
}

TEST_CASE("partial gradients: the first and the last stage sum a table that others do not hold") {
  const int size = world().size(), pp = size % 2 == 0 && size > 2 ? size / 2 : size;
  Grid grid(world(), {{"pp", pp}, {"dp", size / pp}});
  const int stage = grid.coordinate("pp");
  const bool holds = stage == 0 || stage == pp - 1;
  Parameter table = made("wte.weight", 5, 3), own = made(text("h.", stage), 2, 3);
  table.partial_over = {"pp", "dp"};
  Parameters parameters{&own};
  if (holds) parameters.push_back(&table);

  BucketedReduction reduction(grid, parameters, DataType::f32);
  reduction.zero_gradients();
  set_gradients(parameters);
  const Ledger before = ledger();
  reduction.reduce_in_next_backward();
  for (const Parameter* parameter : parameters) parameter->gradient_is_ready();
  reduction.wait();

  CHECK(ledger().since(before).calls(Collective::all_reduce, "pp") == (holds && pp > 1));
  const GridLayout& layout = grid.layout();
  CHECK(relative_error(own.gradient, sum_over(layout.group_of(world().rank(), {"dp"}), own)) <
        1e-6);
  std::vector<int> holders;
  for (int rank = 0; rank < size; ++rank) {
    const int at = layout.coordinate(rank, "pp");
    if (at == 0 || at == pp - 1) holders.push_back(rank);
  }
  if (holds) CHECK(relative_error(table.gradient, sum_over(holders, table)) < 1e-6);
}

TEST_CASE("partial gradients: over two axes at once, and over different axes of different ranks") {
  const int size = world().size(), tp = size % 2 == 0 ? 2 : size;
  Grid grid(world(), {{"tp", tp}, {"pp", size / tp}});
  Parameter both = made("both", 3, 2), one = made("one", 2, 5);
  both.partial_over = {"pp", "tp"};  // in another order than the grid's
  one.partial_over = {"pp"};
  set_gradients({&both, &one});
  PartialGradients(grid, {&one, &both}).sum();
  const int rank = world().rank();
  CHECK(relative_error(both.gradient, sum_over(grid.layout().group_of(rank, {"tp", "pp"}), both)) <
        1e-6);
  CHECK(relative_error(one.gradient, sum_over(grid.layout().group_of(rank, {"pp"}), one)) < 1e-6);
}

TEST_CASE(
    "partial gradients: nothing is sent for parameters of replicas, which data parallelism "
    "reduces") {
  Grid grid(world(), {{"tp", world().size()}});
  Parameter usual = made("usual", 3, 2);
  set_gradients({&usual});
  const Ledger before = ledger();
  PartialGradients(grid, {&usual}, {"dp"}).sum();
  PartialGradients(grid, {}, {"dp"}).sum();
  CHECK(ledger().since(before).calls() == 0);
  CHECK(relative_error(usual.gradient, gradient_on(world().rank(), usual)) == 0);
}

TEST_CASE("partial gradients: an axis that the grid has not is named") {
  Grid grid(world(), {{"tp", world().size()}});
  Parameter expert = made("expert", 3, 2);
  expert.partial_over = {"edp"};
  CHECK(message_of([&] { PartialGradients(grid, {&expert}, {"dp"}); }) ==
        "the grid has no axis edp");
}
