// TransformerBlock: over all ranks it equals the unsplit block, with and without dropout, two
// all-reduces forward and two backward.
#include "chapters/07_transformer_block/transformer_block.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using reference::relative_error;

namespace {

struct Sizes {
  int64_t batch, context, heads, head_width, hidden;
  int64_t width() const { return heads * head_width; }
  int64_t tokens() const { return batch * context; }
  BlockSizes block() const { return {.width = width(), .heads = heads, .hidden = hidden}; }
};

constexpr Sizes small{.batch = 2, .context = 5, .heads = 12, .head_width = 2, .hidden = 50};
constexpr float projection = 0.2f;

/// 0 or 1/(1-p) for element `index` of the whole tensor in which `place` drops.
double factor_of(const DropoutMoment& moment, const std::string& place, int64_t index) {
  const RandomStream random{moment.seed, stream_of(place, moment.pass)};
  return random.uniform(index) < moment.probability ? 0.0 : 1.0 / (1.0 - moment.probability);
}

Matrix dropped(Matrix x, const DropoutMoment& moment, const std::string& place, int64_t context) {
  const int64_t first = moment.first_sequence * context * x.columns;
  for (int64_t i = 0; i < std::ssize(x.values); ++i)
    x.values[static_cast<size_t>(i)] *= factor_of(moment, place, first + i);
  return x;
}

Forward block_of(const Sizes& s, const DropoutMoment& moment) {
  return [=](const Matrix& x, const std::vector<Matrix>& p) {
    using namespace reference;
    const Mask mask = [=](int64_t matrix, int64_t row, int64_t column) {
      const int64_t index =
          ((moment.first_sequence * s.heads + matrix) * s.context + row) * s.context + column;
      return factor_of(moment, "h.0.attn.probabilities", index);
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
  TransformerBlock::Kept kept, kept_unsplit;
  const Tensor y = split.forward(tensor(x), s.batch, moment, kept);
  check_all_reduces(ledger().since(before), 2, s.tokens() * s.width() * 4);
  const Tensor dx = split.backward(tensor(dy), kept);
  check_all_reduces(ledger().since(before), 4, s.tokens() * s.width() * 4);

  const Tensor y_unsplit = unsplit.forward(tensor(x), s.batch, moment, kept_unsplit),
               dx_unsplit = unsplit.backward(tensor(dy), kept_unsplit);
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

namespace {
struct OtherAttention : FusedAttention {};
static_assert(LeavesBias<FusedAttention> && LeavesBias<FusedMlp>);
static_assert(!LeavesBias<OtherAttention> && !LeavesBias<ParallelMlp>);
}  // namespace

TEST_CASE("transformer block: forward and backward without dropout") {
  check_block(small, {});
  check_block({.batch = 1, .context = 3, .heads = 12, .head_width = 1, .hidden = 7}, {});
}

TEST_CASE(
    "transformer block: forward and backward with dropout, the masks equal for every number of "
    "ranks") {
  check_block(small, {.probability = 0.2f, .seed = 9, .pass = 4});
  check_block(small, {.probability = 0.5f, .seed = 9, .pass = 5, .first_sequence = 3});
}

TEST_CASE("transformer block: parts of a batch give the rows of the whole batch") {
  TransformerBlock split(world(), "h.0", small.block(), block_init, projection);
  const Tensor x = tensor(random_matrix(5 * small.context, small.width(), "x"));
  TransformerBlock::Kept kept;
  const Tensor whole = split.forward(x, 5, {.probability = 0.3f, .seed = 9, .pass = 4}, kept);
  const Range last_two{3 * small.context, 5 * small.context};
  CHECK(relative_error(
            split.forward(x.slice(last_two), 2,
                          {.probability = 0.3f, .seed = 9, .pass = 4, .first_sequence = 3}, kept),
            whole.slice(last_two)) < tolerance);
}

TEST_CASE("transformer block: another pass or another block drops other elements") {
  TransformerBlock split(world(), "h.0", small.block(), block_init, projection);
  const Tensor x = tensor(random_matrix(small.tokens(), small.width(), "x"));
  TransformerBlock::Kept kept;
  const Tensor first =
      split.forward(x, small.batch, {.probability = 0.3f, .seed = 9, .pass = 4}, kept);
  CHECK(
      split.forward(x, small.batch, {.probability = 0.3f, .seed = 9, .pass = 4}, kept).to_host() ==
      first.to_host());
  CHECK(relative_error(split.forward(x, small.batch, {.probability = 0.3f, .seed = 9, .pass = 5},
                                     kept),
                       first) > 0.01);
  CHECK(relative_error(split.forward(x, small.batch, {.probability = 0.3f, .seed = 10, .pass = 4},
                                     kept),
                       first) > 0.01);
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
    const int64_t rows = batch * small.context;
    TransformerBlock::Kept kept;
    split.forward(tensor(random_matrix(rows, small.width(), "x" + name)), batch, {}, kept);
    split.backward(tensor(random_matrix(rows, small.width(), "dy" + name)), kept);
  };
  check_accumulation(
      split.parameters(), [&] { pass(3, "1"); }, [&] { pass(2, "2"); });
}

TEST_CASE("norm layer: two passes at once, and weights that come and go") {
  check_passes<NormLayer>({
      .make = [] { return std::make_unique<NormLayer>(backend(), "ln", 24, block_init); },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            return layer.forward(tensor(random_matrix(13, 24, text("x", pass))), kept);
          },
      .backward =
          [](auto& layer, int pass, auto& kept) {
            return layer.backward(tensor(random_matrix(13, 24, text("dy", pass))), kept);
          },
  });
}

static Tensor rows_of_small(const char* name, int pass) {
  return tensor(random_matrix(small.tokens(), small.width(), text(name, pass)));
}

TEST_CASE("transformer block: two passes at once with dropout, and weights that come and go") {
  check_passes<TransformerBlock>({
      .make =
          [] {
            return std::make_unique<TransformerBlock>(world(), "h.0", small.block(), block_init,
                                                      projection);
          },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            const DropoutMoment moment{0.3f, 9, 4, small.batch * pass};
            return layer.forward(rows_of_small("x", pass), small.batch, moment, kept);
          },
      .backward = [](auto& layer, int pass,
                     auto& kept) { return layer.backward(rows_of_small("dy", pass), kept); },
  });
}

TEST_CASE("transformer block: what it keeps, and each tensor only once") {
  TransformerBlock split(world(), "h.0", small.block(), block_init, projection);
  const int64_t ranks = world().size(), width = small.width();
  const int64_t replicated = 4 * width + 4;  // x and u, both normed, two statistics of each norm
  // q, k, v, the heads' output, a log-sum-exp of each head
  const int64_t attention = (4 * width + small.heads) / ranks;
  const int64_t sharded = attention + my_part(small.hidden).size();
  TransformerBlock::Kept kept;
  split.forward(rows_of_small("x", 0), small.batch, {}, kept);
  CHECK(bytes_of(kept) == 4 * small.tokens() * (replicated + sharded));
}

TEST_CASE("transformer block: each parameter counts on one of the ranks that hold the same") {
  TransformerBlock split(world(), "h.0", small.block(), block_init, projection);
  TransformerBlock unsplit(alone(), "h.0", small.block(), block_init, projection);
  TransformerBlock::Kept kept;
  const auto squares = [&](TransformerBlock& block) {
    block.forward(rows_of_small("x", 0), small.batch, {}, kept);
    block.backward(rows_of_small("dy", 0), kept);
    Tensor total = Tensor::zeros(backend(), {1});
    add_counted_squares(total, block.parameters());
    return total;
  };
  const Tensor whole = squares(unsplit);
  CHECK(relative_error(world().all_reduce(PartialSum(squares(split))), whole) < tolerance);
  for (const Parameter* parameter : split.parameters())
    CHECK(parameter->counts == (!parameter->is_replicated() || world().rank() == 0));
}
