// TransformerBlock: over all ranks it equals the unsplit block, with and without dropout, two
// all-reduces each way.
#include "chapters/07_transformer_block/transformer_block.h"
#include "tests/chapters/block_support.h"

using namespace shard;
using reference::relative_error;

namespace {

struct Sizes {
  int64_t batch, context, heads, head_width, hidden;
  int64_t width() const { return heads * head_width; }
  int64_t tokens() const { return batch * context; }
  BlockSizes block() const { return {width(), heads, hidden}; }
};

constexpr Sizes small{2, 5, 12, 2, 50};
constexpr float projection = 0.2f;

/// 0 or 1/(1-p) for element `index` of the whole tensor in which `place` drops.
double kept(const DropoutMoment& moment, const std::string& place, int64_t index) {
  const RandomStream random{moment.seed, stream_of(place, moment.pass)};
  return random.uniform(index) < moment.probability ? 0.0 : 1.0 / (1.0 - moment.probability);
}

Matrix dropped(Matrix x, const DropoutMoment& moment, const std::string& place, int64_t context) {
  const int64_t first = moment.first_sequence * context * x.columns;
  for (int64_t i = 0; i < std::ssize(x.values); ++i)
    x.values[static_cast<size_t>(i)] *= kept(moment, place, first + i);
  return x;
}

Forward block_of(const Sizes& s, const DropoutMoment& moment) {
  return [=](const Matrix& x, const std::vector<Matrix>& p) {
    using namespace reference;
    const Mask mask = [=](int64_t matrix, int64_t row, int64_t column) {
      const int64_t index =
          ((moment.first_sequence * s.heads + matrix) * s.context + row) * s.context + column;
      return kept(moment, "h.0.attn.probabilities", index);
    };
    const Matrix qkv = add_bias(matmul(layer_norm(x, p[0], p[1]), p[2]), p[3]);
    const Matrix attended = add_bias(matmul(attention(qkv, s.batch, s.heads, mask), p[4]), p[5]);
    const Matrix u = add(x, dropped(attended, moment, "h.0.attn", s.context));
    const Matrix hidden = gelu(add_bias(matmul(layer_norm(u, p[6], p[7]), p[8]), p[9]));
    return add(u, dropped(add_bias(matmul(hidden, p[10]), p[11]), moment, "h.0.mlp", s.context));
  };
}

void check_block(const Sizes& s, const DropoutMoment& moment) {
  TransformerBlock split(world(), "h.0", s.block(), block_init, projection);
  TransformerBlock unsplit(alone(), "h.0", s.block(), block_init, projection);
  const Matrix x = random_matrix(s.tokens(), s.width(), "x"),
               dy = random_matrix(s.tokens(), s.width(), "dy");
  const Ledger before = ledger();
  const Tensor y = split.forward(tensor(x), s.batch, moment);
  check_all_reduces(ledger().since(before), 2, s.tokens() * s.width() * 4);
  const Tensor dx = split.backward(tensor(dy));
  check_all_reduces(ledger().since(before), 4, s.tokens() * s.width() * 4);

  const Tensor y_unsplit = unsplit.forward(tensor(x), s.batch, moment),
               dx_unsplit = unsplit.backward(tensor(dy));
  CHECK(relative_error(y, block_of(s, moment)(x, values_of(unsplit.parameters()))) < tolerance);
  CHECK(relative_error(y, y_unsplit) < tolerance);
  CHECK(relative_error(dx, dx_unsplit) < tolerance);
  check_gradients(split.parameters(), unsplit.parameters());
  check_differences(block_of(s, moment), x, dy, dx_unsplit, unsplit.parameters());
  check_replicated(y);
  check_replicated(dx);
  check_replicated_gradients(split.parameters());
}

}  // namespace

TEST_CASE("transformer block: forward and backward without dropout") {
  check_block(small, {});
  check_block({1, 3, 12, 1, 7}, {});
}

TEST_CASE(
    "transformer block: forward and backward with dropout, the masks equal for every number of "
    "ranks") {
  check_block(small, {0.2f, 9, 4, 0});
  check_block(small, {0.5f, 9, 5, 3});
}

TEST_CASE("transformer block: parts of a batch give the rows of the whole batch") {
  TransformerBlock split(world(), "h.0", small.block(), block_init, projection);
  const Tensor x = tensor(random_matrix(5 * small.context, small.width(), "x"));
  const Tensor whole = split.forward(x, 5, {0.3f, 9, 4, 0});
  const Range last_two{3 * small.context, 5 * small.context};
  CHECK(relative_error(split.forward(x.slice(last_two), 2, {0.3f, 9, 4, 3}),
                       whole.slice(last_two)) < tolerance);
}

TEST_CASE("transformer block: another pass or another block drops other elements") {
  TransformerBlock split(world(), "h.0", small.block(), block_init, projection);
  const Tensor x = tensor(random_matrix(small.tokens(), small.width(), "x"));
  const Tensor first = split.forward(x, small.batch, {0.3f, 9, 4, 0});
  CHECK(split.forward(x, small.batch, {0.3f, 9, 4, 0}).to_host() == first.to_host());
  CHECK(relative_error(split.forward(x, small.batch, {0.3f, 9, 5, 0}), first) > 0.01);
  CHECK(relative_error(split.forward(x, small.batch, {0.3f, 10, 4, 0}), first) > 0.01);
}

TEST_CASE("transformer block: names as in GPT-2, in its order") {
  TransformerBlock split(world(), "h.0", small.block(), block_init, projection);
  std::string names;
  for (const Parameter* parameter : split.parameters()) names += parameter->name + " ";
  CHECK(names ==
        "h.0.ln_1.weight h.0.ln_1.bias h.0.attn.c_attn.weight h.0.attn.c_attn.bias "
        "h.0.attn.c_proj.weight "
        "h.0.attn.c_proj.bias h.0.ln_2.weight h.0.ln_2.bias h.0.mlp.c_fc.weight h.0.mlp.c_fc.bias "
        "h.0.mlp.c_proj.weight h.0.mlp.c_proj.bias ");
}

TEST_CASE("transformer block: gradients add up over backward passes") {
  TransformerBlock split(world(), "h.0", small.block(), block_init, projection);
  const auto pass = [&](int64_t batch, const std::string& name) {
    split.forward(tensor(random_matrix(batch * small.context, small.width(), "x" + name)), batch);
    split.backward(tensor(random_matrix(batch * small.context, small.width(), "dy" + name)));
  };
  check_accumulation(
      split.parameters(), [&] { pass(3, "1"); }, [&] { pass(2, "2"); });
}
