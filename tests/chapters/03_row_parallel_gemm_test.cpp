// RowParallelLinear: cut by rows over all ranks it equals the unsplit layer, forward and backward.
#include "chapters/03_row_parallel_gemm/row_parallel_linear.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using reference::relative_error;

static void check_layer(int64_t tokens, int64_t in, int64_t out) {
  INFO(tokens, " tokens, ", in, " → ", out);
  RowParallelLinear split(world(), "row", in, out, block_init),
      unsplit(alone(), "row", in, out, block_init);
  const Matrix x = random_matrix(tokens, in, "x"), dy = random_matrix(tokens, out, "dy");
  const Ledger before = ledger();
  RowParallelLinear::Kept kept, kept_unsplit;
  const Tensor y = split.forward(columns_of(tensor(x), my_part(in)), kept);
  check_all_reduces(ledger().since(before), 1, tokens * out * 4);
  const Ledger after_forward = ledger();
  const Tensor dx = split.backward(tensor(dy), kept);
  CHECK(ledger().since(after_forward).calls() == 0);

  const Tensor y_unsplit = unsplit.forward(tensor(x), kept_unsplit),
               dx_unsplit = unsplit.backward(tensor(dy), kept_unsplit);
  CHECK(relative_error(y, linear(x, values_of(unsplit.parameters()))) < tolerance);
  CHECK(relative_error(y, y_unsplit) < tolerance);
  CHECK(relative_error(dx, columns_of(dx_unsplit, my_part(in))) < tolerance);
  check_gradients(split.parameters(), unsplit.parameters());
  check_differences(linear, x, dy, dx_unsplit, unsplit.parameters());
  check_replicated(y);
  check_replicated_gradients(split.parameters());
}

TEST_CASE(
    "row-parallel: forward and backward for inputs that ranks do not divide, and fewer than "
    "ranks") {
  check_layer(13, 21, 17);
  check_layer(1, 50, 3);
  check_layer(19, 3, 7);
  check_layer(6, 64, 1);
}

TEST_CASE("row-parallel: the weight's shard is this rank's rows, the bias is everywhere") {
  const RowParallelLinear split(world(), "row", 21, 17, block_init),
      unsplit(alone(), "row", 21, 17, block_init);
  CHECK(split.weight.value.to_host() == unsplit.weight.value.slice(my_part(21)).to_host());
  CHECK(split.bias.value.to_host() == unsplit.bias.value.to_host());
  CHECK(split.bias.is_replicated());
  CHECK(split.bias.counts == (world().rank() == 0));
  CHECK(split.weight.counts);
  CHECK(split.weight.is_replicated() == (world().size() == 1));
}

TEST_CASE("row-parallel: partial_forward is one term of the sum, without the bias") {
  RowParallelLinear split(world(), "row", 21, 17, block_init),
      unsplit(alone(), "row", 21, 17, block_init);
  const Matrix x = random_matrix(13, 21, "x");
  const Ledger before = ledger();
  RowParallelLinear::Kept kept;
  const PartialSum term = split.partial_forward(columns_of(tensor(x), my_part(21)), kept);
  CHECK(ledger().since(before).calls() == 0);
  const Matrix without_bias = reference::matmul(x, Matrix(unsplit.weight.value));
  CHECK(relative_error(world().all_reduce(term), without_bias) < tolerance);
}

TEST_CASE("row-parallel: backward_without_bias leaves the bias alone") {
  RowParallelLinear split(world(), "row", 21, 17, block_init),
      whole(world(), "row", 21, 17, block_init);
  const Tensor x = columns_of(tensor(random_matrix(13, 21, "x")), my_part(21)),
               dy = tensor(random_matrix(13, 17, "dy"));
  RowParallelLinear::Kept kept;
  split.partial_forward(x, kept);
  CHECK(relative_error(split.backward_without_bias(dy, kept), whole.backward(dy, kept)) <
        tolerance);
  CHECK(relative_error(split.weight.gradient, whole.weight.gradient) < tolerance);
  CHECK(split.bias.gradient.to_host() == std::vector<float>(17, 0.0f));
}

TEST_CASE("row-parallel: gradients add up over backward passes") {
  RowParallelLinear split(world(), "row", 21, 17, block_init);
  const auto pass = [&](int64_t tokens, const std::string& name) {
    RowParallelLinear::Kept kept;
    split.forward(columns_of(tensor(random_matrix(tokens, 21, "x" + name)), my_part(21)), kept);
    split.backward(tensor(random_matrix(tokens, 17, "dy" + name)), kept);
  };
  check_accumulation(
      split.parameters(), [&] { pass(13, "1"); }, [&] { pass(8, "2"); });
}

TEST_CASE("row-parallel: two passes at once, and weights that come and go") {
  check_passes<RowParallelLinear>({
      .make =
          [] { return std::make_unique<RowParallelLinear>(world(), "row", 21, 17, block_init); },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            const Tensor x = tensor(random_matrix(13, 21, text("x", pass)));
            return layer.forward(columns_of(x, my_part(21)), kept);
          },
      .backward =
          [](auto& layer, int pass, auto& kept) {
            return layer.backward(tensor(random_matrix(13, 17, text("dy", pass))), kept);
          },
  });
}

TEST_CASE("row-parallel: input of the wrong width is refused") {
  RowParallelLinear split(world(), "row", 21, 17, block_init);
  RowParallelLinear::Kept kept;
  CHECK(contains(message_of([&] {
                   split.forward(Tensor(backend(), {5, 22}), kept);
                 }),
                 "matmul: [5 × 22] times ["));
}
