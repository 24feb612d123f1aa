#include "exercises/14_recompute/1_attention_again.h"

#include <cmath>

#include "common/check/compare.h"
#include "tests/exercises/support.h"

namespace shard {
namespace {

constexpr int64_t sequences = 2, all_heads = 12, context = 7, head_width = 5;
constexpr float probability = 0.3f;

/// How the backward pass goes wrong.
struct Variant {
  bool masked_p = true, masked_dp = true;  // whether dropout is applied to P for dv, and to dP
  bool softmax_of_dropped = false;         // P after dropout in the softmax's backward pass
  bool causal = true;
  bool transposed_ds = true, transposed_p = true;  // for dk and dv
  int64_t first_element = -1;                      // of the mask, if it is another one
  uint64_t other_stream = 0;
  double scale = 1 / std::sqrt(static_cast<double>(head_width)), scale_back = scale;
  double kept_factor = 1 / (1 - double{probability});
};

struct Gradients {
  Matrix dq, dk, dv;
};

/// One rank's attention, in double precision: matrices one below the other.
struct Case {
  int64_t matrices, first_head, heads;
  Matrix q, k, v, dheads;  // [matrices·context × head_width]
  ProbabilityPlan plan;

  Case(Examiner& examiner)
      : matrices(sequences * all_heads / examiner.world().size()),
        first_head(examiner.world().rank() * all_heads / examiner.world().size()),
        heads(all_heads / examiner.world().size()),
        q(mine(examiner, "q")),
        k(mine(examiner, "k")),
        v(mine(examiner, "v")),
        dheads(mine(examiner, "dheads")),
        plan{probability,
             {11, stream_of("h.0.attn.probabilities", 4)},
             sequences,
             {3, first_head * context * context, all_heads * context * context}} {}

  Matrix mine(Examiner& examiner, const char* name) const {
    return examiner.random(matrices * context, head_width,
                           text(name, " of the heads from ", first_head));
  }

  double factor(int64_t matrix, int64_t row, int64_t column, const Variant& how) const {
    const int64_t index = how.first_element >= 0
                              ? how.first_element + (matrix * context + row) * context + column
                              : (3 + matrix / heads) * plan.block.whole_columns +
                                    plan.block.first_column +
                                    (matrix % heads * context + row) * context + column;
    const RandomStream random{plan.random.seed, plan.random.stream + how.other_stream};
    return random.uniform(static_cast<uint64_t>(index)) < probability ? 0 : how.kept_factor;
  }

  Gradients gradients(const Variant& how) const {
    Gradients all{Matrix(q.rows, head_width), Matrix(q.rows, head_width),
                  Matrix(q.rows, head_width)};
    for (int64_t matrix = 0; matrix < matrices; ++matrix) {
      const int64_t first = matrix * context;
      const auto part = [&](const Matrix& x) { return rows_of(x, {first, first + context}); };
      Matrix p = matmul(part(q), transpose(part(k)));
      const Matrix dp = matmul(part(dheads), transpose(part(v)));
      Matrix dropped = p, ds = p;
      for (int64_t i = 0; i < context; ++i) {
        const int64_t seen = how.causal ? i + 1 : context;
        double sum = 0, dot = 0;
        for (int64_t j = 0; j < context; ++j)
          sum += p(i, j) = j < seen ? std::exp(how.scale * p(i, j)) : 0;
        for (int64_t j = 0; j < context; ++j) {
          p(i, j) /= sum;
          dropped(i, j) = p(i, j) * (how.masked_p ? factor(matrix, i, j, how) : 1);
          ds(i, j) = dp(i, j) * (how.masked_dp ? factor(matrix, i, j, how) : 1);
        }
        const Matrix& used = how.softmax_of_dropped ? dropped : p;
        for (int64_t j = 0; j < context; ++j) dot += used(i, j) * ds(i, j);
        for (int64_t j = 0; j < context; ++j)
          ds(i, j) = how.scale_back * used(i, j) * (ds(i, j) - dot);
      }
      put(all.dq, first, matmul(ds, part(k)));
      put(all.dk, first, matmul(how.transposed_ds ? transpose(ds) : ds, part(q)));
      put(all.dv, first, matmul(how.transposed_p ? transpose(dropped) : dropped, part(dheads)));
    }
    return all;
  }

  static void put(Matrix& all, int64_t first_row, const Matrix& rows) {
    std::copy(rows.values.begin(), rows.values.end(), all.values.begin() + first_row * head_width);
  }
};

std::vector<std::pair<std::string, Variant>> mistakes(const Case& c) {
  const int64_t part = c.heads * context * context;
  return {
      {"computed from the probabilities before dropout: `heads` was made from those after it",
       {.masked_p = false}},
      {"computed without dropout on the gradient of P: the backward pass of dropout is the same "
       "mask on dP",
       {.masked_dp = false}},
      {"computed with P after dropout in the softmax's backward pass: that needs P before it",
       {.softmax_of_dropped = true}},
      {"computed with another mask than that of the forward pass: of another random stream",
       {.other_stream = 1}},
      {"computed with another mask than that of the forward pass: of the first sequences and heads "
       "of the whole batch, not of plan.block",
       {.first_element = 0}},
      {"computed with another mask than that of the forward pass: as if this rank's heads were all "
       "there are",
       {.first_element = 3 * part}},
      {"computed with probabilities over all keys: the causal mask is missing in the second "
       "forward pass",
       {.causal = false}},
      {"computed with scores that are not divided by √head_width, forward and backward",
       {.scale = 1, .scale_back = 1}},
      {"computed with scores that are not divided by √head_width in the second forward pass",
       {.scale = 1, .scale_back = Variant().scale}},
      {"computed without the factor 1/√head_width in the softmax's backward pass",
       {.scale_back = 1}},
      {"dS·q: it is dSᵀ·q, a sum over the queries that see a key", {.transposed_ds = false}},
      {"(m ∘ P)·dheads: it is (m ∘ P)ᵀ·dheads, a sum over the queries that see a key",
       {.transposed_p = false}},
      {"divided by 1 - probability twice: dropout already does it once",
       {.kept_factor = std::pow(1 / (1 - double{probability}), 2)}}};
}

/// The backward pass after a forward pass that has kept the probabilities.
QkvGradients with_kept_probabilities(const Tensor& dheads, const Tensor& q, const Tensor& k,
                                     const Tensor& v, const ProbabilityPlan& plan) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_width));
  Tensor kept = causal_scores(q, k);
  causal_softmax(kept, scale);
  const Tensor kept_dropped = with_dropout(kept, plan);
  Tensor ds = with_dropout(causal_scores(dheads, v), plan);
  causal_softmax_backward(ds, kept, scale);
  return {matmul(lower(ds), k), matmul(transposed(lower(ds)), q),
          matmul(transposed(lower(kept_dropped)), dheads)};
}

void check(Examiner& examiner) {
  const Case c(examiner);
  const Shape shape{c.matrices, context, head_width};
  const auto given = [&](const Matrix& x, const char* name) {
    return examiner.tensor(x, name).reshape(shape);
  };
  const Tensor dheads = given(c.dheads, "dheads"), q = given(c.q, "q"), k = given(c.k, "k"),
               v = given(c.v, "v");
  const Ledger before = examiner.ledger();
  const auto [dq, dk, dv] = attention_backward_again(dheads, q, k, v, c.plan);
  // q·kᵀ, d(P), dq, dk and dv
  examiner.expect_products("the products that are needed",
                           5 * c.matrices * context * context * head_width,
                           "P·v is not needed again, since no gradient depends on `heads` itself");
  examiner.expect_ledger("nothing is communicated", before, {});

  const Gradients right = c.gradients({});
  std::vector<Suspect> of_q, of_k, of_v;
  for (const auto& [diagnosis, how] : mistakes(c)) {
    const Gradients wrong = c.gradients(how);
    of_q.push_back(Suspect::result(diagnosis, wrong.dq));
    of_k.push_back(Suspect::result(diagnosis, wrong.dk));
    of_v.push_back(Suspect::result(diagnosis, wrong.dv));
  }
  of_q.push_back(Suspect::result("the gradient of k: dq = dS·k, dk = dSᵀ·q", right.dk));
  of_k.push_back(Suspect::result("the gradient of q: dq = dS·k, dk = dSᵀ·q", right.dq));
  examiner.expect("dq", dq, right.dq, of_q);
  examiner.expect("dk", dk, right.dk, of_k);
  examiner.expect("dv", dv, right.dv, of_v);
  if (!examiner.verdict()) return;
  const QkvGradients kept = with_kept_probabilities(dheads, q, k, v, c.plan);
  examiner.expect("the bits of a backward pass that kept P",
                  same_bits(dq, kept.dq) && same_bits(dk, kept.dk) && same_bits(dv, kept.dv),
                  "your gradients are right, but not bit for bit those of a backward pass that has "
                  "kept P: the second forward pass must be the operations of the first");
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("attention_backward_again", [&] { check(examiner); });
}

}  // namespace shard
