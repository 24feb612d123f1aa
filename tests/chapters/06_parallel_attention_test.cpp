// ParallelAttention: heads divided among the ranks equal the unsplit block, with one all-reduce
// forward and one backward.
#include "chapters/06_parallel_attention/fused_attention.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using reference::relative_error;

namespace {

struct Sizes {
  int64_t batch, context, heads, head_width;
  int64_t width() const { return heads * head_width; }
  int64_t tokens() const { return batch * context; }
};

/// The mask of attention's dropout in double: element (row, column) of head `matrix % heads` of a
/// sequence.
reference::Mask mask_of(const AttentionDropout& dropout, const Sizes& s) {
  if (dropout.probability == 0) return nullptr;
  return [=](int64_t matrix, int64_t row, int64_t column) {
    const int64_t index =
        ((dropout.first_sequence * s.heads + matrix) * s.context + row) * s.context + column;
    return dropout.random.uniform(index) < dropout.probability ? 0.0
                                                               : 1.0 / (1.0 - dropout.probability);
  };
}

Forward attention_of(const Sizes& s, const AttentionDropout& dropout = {}) {
  return [=](const Matrix& x, const std::vector<Matrix>& p) {
    using namespace reference;
    const Matrix heads =
        attention(add_bias(matmul(x, p[0]), p[1]), s.batch, s.heads, mask_of(dropout, s));
    return add_bias(matmul(heads, p[2]), p[3]);
  };
}

template <class Attention>
void check_attention(const Sizes& s, const AttentionDropout& dropout) {
  Attention split(world(), "attn", s.width(), s.heads, block_init, 0.2f);
  Attention unsplit(alone(), "attn", s.width(), s.heads, block_init, 0.2f);
  const Matrix x = random_matrix(s.tokens(), s.width(), "x"),
               dz = random_matrix(s.tokens(), s.width(), "dz");
  const Ledger before = ledger();
  typename Attention::Kept kept, kept_unsplit;
  const Tensor z = split.forward(tensor(x), s.batch, dropout, kept);
  check_all_reduces(ledger().since(before), 1, s.tokens() * s.width() * 4);
  const Tensor dx = split.backward(tensor(dz), kept);
  check_all_reduces(ledger().since(before), 2, s.tokens() * s.width() * 4);

  const Tensor z_unsplit = unsplit.forward(tensor(x), s.batch, dropout, kept_unsplit),
               dx_unsplit = unsplit.backward(tensor(dz), kept_unsplit);
  CHECK(relative_error(z, attention_of(s, dropout)(x, values_of(unsplit.parameters()))) <
        tolerance);
  CHECK(relative_error(z, z_unsplit) < tolerance);
  CHECK(relative_error(dx, dx_unsplit) < tolerance);
  check_gradients(split.parameters(), unsplit.parameters());
  check_differences(attention_of(s, dropout), x, dz, dx_unsplit, unsplit.parameters());
  check_replicated(z);
  check_replicated(dx);
  check_replicated_gradients(split.parameters());
}

}  // namespace

TEST_CASE_TEMPLATE("parallel attention: forward and backward", Attention, ParallelAttention,
                   FusedAttention) {
  const int64_t ranks = world().size();
  for (const Sizes& s : {Sizes{.batch = 3, .context = 7, .heads = 12, .head_width = 3},
                         {.batch = 1, .context = 1, .heads = ranks, .head_width = 5},
                         {.batch = 2, .context = 5, .heads = 2 * ranks, .head_width = 1},
                         {.batch = 1, .context = 10, .heads = ranks, .head_width = 4}}) {
    INFO(s.batch, " sequences of ", s.context, ", ", s.heads, " heads of ", s.head_width);
    check_attention<Attention>(s, {});
  }
}

TEST_CASE_TEMPLATE("parallel attention: with dropout, whose mask depends on no rank", Attention,
                   ParallelAttention, FusedAttention) {
  check_attention<Attention>({.batch = 2, .context = 6, .heads = 12, .head_width = 2},
                             {.probability = 0.3f, .random = {5, 6}});
  check_attention<Attention>({.batch = 2, .context = 5, .heads = 12, .head_width = 2},
                             {.probability = 0.5f, .random = {5, 7}, .first_sequence = 3});
}

TEST_CASE_TEMPLATE("parallel attention: a part of the batch is dropped as in the whole batch",
                   Attention, ParallelAttention, FusedAttention) {
  const Sizes s{.batch = 5, .context = 6, .heads = 12, .head_width = 2};
  Attention split(world(), "attn", s.width(), s.heads, block_init, 0.2f);
  const Tensor x = tensor(random_matrix(s.tokens(), s.width(), "x"));
  typename Attention::Kept kept;
  const Tensor whole = split.forward(x, 5, {.probability = 0.4f, .random = {5, 6}}, kept);
  const Range last_two{3 * s.context, 5 * s.context};
  const Tensor part = split.forward(
      x.slice(last_two), 2, {.probability = 0.4f, .random = {5, 6}, .first_sequence = 3}, kept);
  CHECK(relative_error(part, whole.slice(last_two)) < tolerance);
}

TEST_CASE("fused attention: between f and g, without communication") {
  FusedAttention half(world(), "attn", 24, 12, block_init, 0.2f);
  FusedAttention whole(world(), "attn", 24, 12, block_init, 0.2f);
  const Tensor x = tensor(random_matrix(15, 24, "x")), dz = tensor(random_matrix(15, 24, "dz"));
  const AttentionDropout dropout{.probability = 0.3f, .random = {5, 6}};
  FusedAttention::Kept kept;
  const Tensor z = whole.forward(x, 3, dropout, kept), dx = whole.backward(dz, kept);
  check_partial_forms(half, whole, x, z, dz, dx,
                      [&](const FusedAttention& attention, FusedAttention::Kept& of_attention) {
                        return attention.partial_forward(x, 3, dropout, of_attention);
                      });
}

TEST_CASE("qkv_columns: the ranks' heads of Q, K and V, covering every column once") {
  CHECK(qkv_columns(12, 4, 2, 1) == std::vector<Range>{{6, 12}, {18, 24}, {30, 36}});
  std::vector<int> taken(36, 0);
  for (int rank = 0; rank < 4; ++rank) {
    for (const Range& range : qkv_columns(12, 4, 4, rank)) {
      for (int64_t column = range.begin; column < range.end; ++column)
        ++taken[static_cast<size_t>(column)];
    }
  }
  CHECK(taken == std::vector<int>(36, 1));
}

TEST_CASE("parallel attention: heads that cannot be divided evenly are refused with both numbers") {
  CHECK(message_of<UsageError>([] { qkv_columns(30, 4, 1, 0); }) ==
        "a width of 30 cannot be divided into 4 heads");
  CHECK(message_of<UsageError>([] { qkv_columns(30, 5, 4, 0); }) ==
        "5 heads cannot be divided evenly among 4 tensor-parallel ranks");
  const int64_t heads = world().size() + 1;
  CHECK(message_of<UsageError>([&] {
          ParallelAttention(world(), "attn", 6 * heads, heads, block_init, 0.2f);
        }) == (world().size() == 1 ? "(nothing was thrown)"
                                   : text(heads, " heads cannot be divided evenly among ",
                                          world().size(), " tensor-parallel ranks")));
}

TEST_CASE_TEMPLATE("parallel attention: gradients add up over backward passes", Attention,
                   ParallelAttention, FusedAttention) {
  Attention split(world(), "attn", 24, 12, block_init, 0.2f);
  const auto pass = [&](int64_t batch, const std::string& name) {
    typename Attention::Kept kept;
    split.forward(tensor(random_matrix(batch * 5, 24, "x" + name)), batch, {}, kept);
    split.backward(tensor(random_matrix(batch * 5, 24, "dz" + name)), kept);
  };
  check_accumulation(
      split.parameters(), [&] { pass(3, "1"); }, [&] { pass(2, "2"); });
}

TEST_CASE_TEMPLATE(
    "parallel attention: two passes at once with dropout, and weights that come and go", Attention,
    ParallelAttention, FusedAttention) {
  check_passes<Attention>({
      .make = [] { return std::make_unique<Attention>(world(), "a", 24, 12, block_init, 0.2f); },
      .forward =
          [](const auto& layer, int pass, auto& kept) {
            const AttentionDropout dropout{0.3f, {5, 6}, 3 * pass};
            return layer.forward(tensor(random_matrix(15, 24, text("x", pass))), 3, dropout, kept);
          },
      .backward =
          [](auto& layer, int pass, auto& kept) {
            return layer.backward(tensor(random_matrix(15, 24, text("dz", pass))), kept);
          },
  });
}

TEST_CASE("parallel attention: keeps x, q, k, v, the probabilities, and the heads' output") {
  const int64_t batch = 3, context = 5, heads = 12, width = 24, ranks = world().size();
  ParallelAttention split(world(), "attn", width, heads, block_init, 0.2f);
  const Tensor x = tensor(random_matrix(batch * context, width, "x"));
  const int64_t rows = 4 * batch * context * (width + 4 * width / ranks);
  const int64_t probabilities = 4 * batch * heads / ranks * context * context;
  ParallelAttention::Kept kept;
  split.forward(x, batch, {}, kept);
  CHECK(bytes_of(kept) == rows + probabilities);
  // now with and without dropout
  split.forward(x, batch, {.probability = 0.1f, .random = {5, 6}}, kept);
  CHECK(bytes_of(kept) == rows + 2 * probabilities);
}

TEST_CASE("fused attention: keeps the log-sum-exp instead of the probabilities") {
  const int64_t batch = 3, context = 5, heads = 12, width = 24, ranks = world().size();
  FusedAttention split(world(), "attn", width, heads, block_init, 0.2f);
  FusedAttention::Kept kept;
  const Tensor x = tensor(random_matrix(batch * context, width, "x"));
  for (const float probability : {0.0f, 0.1f}) {
    split.forward(x, batch, {.probability = probability, .random = {5, 6}}, kept);
    // x; of this rank's heads q, k, v, the output and the log-sum-exps
    CHECK(bytes_of(kept) == 4 * batch * context * (width + 4 * width / ranks + heads / ranks));
  }
}
