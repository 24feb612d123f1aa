// ParallelMlp: columns, GeLU, rows; FusedMlp: the same with GeLU inside a product. Over all ranks
// they equal the unsplit block, with one all-reduce forward and one backward.
#include "chapters/05_parallel_mlp/fused_mlp.h"
#include "chapters/05_parallel_mlp/other_designs.h"
#include "chapters/05_parallel_mlp/parallel_mlp.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using namespace shard::chapter_05;
using reference::relative_error;

static Matrix mlp(const Matrix& x, const std::vector<Matrix>& p) {
  using namespace reference;
  return add_bias(matmul(gelu(add_bias(matmul(x, p[0]), p[1])), p[2]), p[3]);
}

template <class Mlp>
static void check_mlp(int64_t tokens, int64_t width, int64_t hidden) {
  INFO(tokens, " tokens, ", width, " → ", hidden, " → ", width);
  Mlp split(world(), "mlp", width, hidden, block_init, 0.2f);
  Mlp unsplit(alone(), "mlp", width, hidden, block_init, 0.2f);
  const Matrix x = random_matrix(tokens, width, "x"), dz = random_matrix(tokens, width, "dz");
  const Ledger before = ledger();
  typename Mlp::Kept kept, kept_unsplit;
  const Tensor z = split.forward(tensor(x), kept);
  check_all_reduces(ledger().since(before), 1, tokens * width * 4);
  const Tensor dx = split.backward(tensor(dz), kept);
  check_all_reduces(ledger().since(before), 2, tokens * width * 4);

  const Tensor z_unsplit = unsplit.forward(tensor(x), kept_unsplit),
               dx_unsplit = unsplit.backward(tensor(dz), kept_unsplit);
  CHECK(relative_error(z, mlp(x, values_of(unsplit.parameters()))) < tolerance);
  CHECK(relative_error(z, z_unsplit) < tolerance);
  CHECK(relative_error(dx, dx_unsplit) < tolerance);
  check_gradients(split.parameters(), unsplit.parameters());
  check_differences(mlp, x, dz, dx_unsplit, unsplit.parameters());
  check_replicated(z);
  check_replicated(dx);
  check_replicated_gradients(split.parameters());
}

TEST_CASE("parallel MLP: forward and backward, the hidden width not divisible by the ranks") {
  check_mlp<ParallelMlp>(13, 10, 37);
  check_mlp<ParallelMlp>(1, 16, 64);
  check_mlp<ParallelMlp>(9, 5, 3);
}

TEST_CASE("fused MLP: the same") {
  check_mlp<FusedMlp>(13, 10, 37);
  check_mlp<FusedMlp>(67, 5, 12);
}

TEST_CASE("fused MLP: between f and g, without communication") {
  FusedMlp half(world(), "mlp", 10, 37, block_init, 0.2f);
  FusedMlp whole(world(), "mlp", 10, 37, block_init, 0.2f);
  const Tensor x = tensor(random_matrix(13, 10, "x")), dz = tensor(random_matrix(13, 10, "dz"));
  FusedMlp::Kept kept;
  const Tensor z = whole.forward(x, kept), dx = whole.backward(dz, kept);
  check_partial_forms(half, whole, x, z, dz, dx, [&](const FusedMlp& mlp, FusedMlp::Kept& of_mlp) {
    return mlp.partial_forward(x, of_mlp);
  });
}

TEST_CASE("parallel MLP: names as in GPT-2, and the deviation of the projection") {
  ParallelMlp split(world(), "h.3.mlp", 40, 160, Init{.seed = 1, .weight = 0.5f, .vector = 0.0f},
                    0.01f);
  const Parameters parameters = split.parameters();
  const std::vector<std::string> names = {"h.3.mlp.c_fc.weight", "h.3.mlp.c_fc.bias",
                                          "h.3.mlp.c_proj.weight", "h.3.mlp.c_proj.bias"};
  REQUIRE(parameters.size() == names.size());
  for (size_t i = 0; i < names.size(); ++i) CHECK(parameters[i]->name == names[i]);
  const auto deviation = [](const Tensor& x) {
    Tensor squares = Tensor::zeros(backend(), {1});
    add_sum_of_squares(squares, x);
    return std::sqrt(squares.to_host()[0] / static_cast<float>(x.elements()));
  };
  CHECK(deviation(parameters[0]->value) == doctest::Approx(0.5).epsilon(0.1));
  CHECK(deviation(parameters[2]->value) == doctest::Approx(0.01).epsilon(0.1));
}

TEST_CASE("parallel MLP: gradients add up over backward passes") {
  ParallelMlp split(world(), "mlp", 10, 37, block_init, 0.2f);
  const auto pass = [&](int64_t tokens, const std::string& name) {
    ParallelMlp::Kept kept;
    split.forward(tensor(random_matrix(tokens, 10, "x" + name)), kept);
    split.backward(tensor(random_matrix(tokens, 10, "dz" + name)), kept);
  };
  check_accumulation(
      split.parameters(), [&] { pass(13, "1"); }, [&] { pass(8, "2"); });
}

template <class Mlp>
static void check_mlp_passes() {
  check_passes<Mlp>({
      .make = [] { return std::make_unique<Mlp>(world(), "mlp", 10, 37, block_init, 0.2f); },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            return layer.forward(tensor(random_matrix(13, 10, text("x", pass))), kept);
          },
      .backward =
          [](auto& layer, int pass, auto& kept) {
            return layer.backward(tensor(random_matrix(13, 10, text("dz", pass))), kept);
          },
  });
}

TEST_CASE("MLPs of all designs: two passes at once, and weights that come and go") {
  check_mlp_passes<ParallelMlp>();
  check_mlp_passes<FusedMlp>();
  check_mlp_passes<RowRowMlp>();
  check_mlp_passes<ColumnColumnMlp>();
}

template <class Mlp>
static int64_t bytes_kept() {
  Mlp split(world(), "mlp", 10, 37, block_init, 0.2f);
  typename Mlp::Kept kept;
  CHECK(bytes_of(kept) == 0);
  split.forward(tensor(random_matrix(13, 10, "x")), kept);
  return bytes_of(kept);
}

TEST_CASE("MLPs keep their input, what is before GeLU and, unless fused, what is after it") {
  CHECK(bytes_kept<ParallelMlp>() == 4 * 13 * (10 + 2 * my_part(37).size()));
  CHECK(bytes_kept<FusedMlp>() == 4 * 13 * (10 + my_part(37).size()));
}
