// ColumnParallelLinear: cut by columns over all ranks it equals the unsplit layer, forward and
// backward.
#include "chapters/04_column_parallel_gemm/column_parallel_linear.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using reference::relative_error;

static void check_layer(int64_t tokens, int64_t in, int64_t out) {
  INFO(tokens, " tokens, ", in, " → ", out);
  ColumnParallelLinear split(world(), "column", in, out, block_init),
      unsplit(alone(), "column", in, out, block_init);
  const Matrix x = random_matrix(tokens, in, "x"), dy = random_matrix(tokens, out, "dy");
  const Ledger before = ledger();
  ColumnParallelLinear::Kept kept, kept_unsplit;
  const Tensor y = split.forward(tensor(x), kept);
  CHECK(ledger().since(before).calls() == 0);
  const Tensor dx = split.backward(columns_of(tensor(dy), my_part(out)), kept);
  check_all_reduces(ledger().since(before), 1, tokens * in * 4);

  const Tensor y_unsplit = unsplit.forward(tensor(x), kept_unsplit),
               dx_unsplit = unsplit.backward(tensor(dy), kept_unsplit);
  CHECK(relative_error(y_unsplit, linear(x, values_of(unsplit.parameters()))) < tolerance);
  CHECK(relative_error(y, columns_of(y_unsplit, my_part(out))) < tolerance);
  CHECK(relative_error(dx, dx_unsplit) < tolerance);
  check_gradients(split.parameters(), unsplit.parameters());
  check_differences(linear, x, dy, dx_unsplit, unsplit.parameters());
  check_replicated(dx);
}

TEST_CASE(
    "column-parallel: forward and backward for outputs that ranks do not divide, and fewer than "
    "ranks") {
  check_layer(13, 17, 22);
  check_layer(1, 3, 50);
  check_layer(19, 7, 3);
  check_layer(6, 1, 64);
}

TEST_CASE("column-parallel: the two halves of backward communicate nothing, and add up to it") {
  ColumnParallelLinear split(world(), "column", 17, 22, block_init),
      whole(world(), "column", 17, 22, block_init);
  const Tensor x = tensor(random_matrix(13, 17, "x")),
               dy = columns_of(tensor(random_matrix(13, 22, "dy")), my_part(22));
  ColumnParallelLinear::Kept kept;
  whole.forward(x, kept);
  const Tensor dx = whole.backward(dy, kept);
  int ready = 0;
  std::vector<Listener> listeners;
  for (Parameter* parameter : split.parameters())
    listeners.push_back(parameter->on_gradient_ready([&] { ++ready; }));
  const Ledger before = ledger();
  const PartialSum term = split.partial_backward(dy);
  CHECK(ready == 1);  // the bias
  split.add_weight_gradient(x, dy);
  CHECK(ready == 2);
  CHECK(ledger().since(before).calls() == 0);
  CHECK(relative_error(world().all_reduce(term), dx) < tolerance);
  CHECK(relative_error(split.weight.gradient, whole.weight.gradient) < tolerance);
  CHECK(relative_error(split.bias.gradient, whole.bias.gradient) < tolerance);
}

TEST_CASE("column-parallel: weight and bias are this rank's columns") {
  const ColumnParallelLinear split(world(), "column", 17, 22, block_init),
      unsplit(alone(), "column", 17, 22, block_init);
  CHECK(split.weight.value.to_host() == columns_of(unsplit.weight.value, my_part(22)).to_host());
  CHECK(split.bias.value.to_host() == unsplit.bias.value.slice(my_part(22)).to_host());
}

TEST_CASE("column-parallel: several ranges of columns side by side") {
  const std::vector<Range> mine = {my_part(10), {10 + my_part(10).begin, 10 + my_part(10).end}};
  ColumnParallelLinear split(world(), "column", 17, 20, mine, block_init),
      unsplit(alone(), "column", 17, 20, block_init);
  const Tensor x = tensor(random_matrix(13, 17, "x"));
  ColumnParallelLinear::Kept kept;
  const Tensor y = split.forward(x, kept), whole = unsplit.forward(x, kept);
  const int64_t width = mine[0].size();
  CHECK(relative_error(columns_of(y, {0, width}), columns_of(whole, mine[0])) < tolerance);
  CHECK(relative_error(columns_of(y, {width, 2 * width}), columns_of(whole, mine[1])) < tolerance);
}

TEST_CASE("gather_columns puts all ranks' columns side by side with one all-gather") {
  for (int64_t out : {1, 3, 22}) {
    const Tensor whole = tensor(random_matrix(13, out, "y"));
    const Tensor mine = columns_of(whole, my_part(out));
    const Ledger before = ledger();
    CHECK(gather_columns(world(), mine, out).to_host() == whole.to_host());
    CHECK(ledger().since(before).calls() == 1);
    CHECK(ledger().since(before).calls(Collective::all_gather) == 1);
  }
}

TEST_CASE("column-parallel: gradients add up over backward passes") {
  ColumnParallelLinear split(world(), "column", 17, 22, block_init);
  const auto pass = [&](int64_t tokens, const std::string& name) {
    ColumnParallelLinear::Kept kept;
    split.forward(tensor(random_matrix(tokens, 17, "x" + name)), kept);
    split.backward(columns_of(tensor(random_matrix(tokens, 22, "dy" + name)), my_part(22)), kept);
  };
  check_accumulation(
      split.parameters(), [&] { pass(13, "1"); }, [&] { pass(8, "2"); });
}

TEST_CASE("column-parallel: two passes at once, and weights that come and go") {
  check_passes<ColumnParallelLinear>({
      .make =
          [] { return std::make_unique<ColumnParallelLinear>(world(), "c", 17, 22, block_init); },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            return layer.forward(tensor(random_matrix(13, 17, text("x", pass))), kept);
          },
      .backward =
          [](auto& layer, int pass, auto& kept) {
            const Tensor dy = tensor(random_matrix(13, 22, text("dy", pass)));
            return layer.backward(columns_of(dy, my_part(22)), kept);
          },
  });
}

TEST_CASE("column-parallel: input of the wrong width is refused") {
  ColumnParallelLinear split(world(), "column", 17, 22, block_init);
  ColumnParallelLinear::Kept kept;
  CHECK(contains(message_of([&] {
                   split.forward(Tensor(backend(), {5, 18}), kept);
                 }),
                 "linear: [5 × 18] times [17 × "));
}
