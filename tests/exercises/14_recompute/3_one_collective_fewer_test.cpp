#include "exercises/14_recompute/3_one_collective_fewer.h"

#include "common/check/compare.h"
#include "common/tensor/linear.h"
#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t width = 6, hidden = 17;

/// How the passes go wrong.
struct Variant {
  double bias = 1;           // how often a_bias is added to X·A in the second forward pass
  bool at_output = false;    // GeLU's derivative at GeLU's output
  bool exchanged = false;    // the arguments of gelu_backward
  bool no_slope = false;     // without GeLU's derivative
  bool before_gelu = false;  // U instead of gelu(U) for the gradient of b
};

/// The gradients of this rank's part of the weights, and its term of those of all rows of X.
struct Gradients {
  Matrix a, a_bias, b, x;
};

struct Weights {
  Matrix a, a_bias, b;  // this rank's part, in double precision
  Weights(Examiner& examiner, const std::string& name, Range mine)
      : a(columns_of(examiner.random(width, hidden, name + "a"), mine)),
        a_bias(columns_of(examiner.random(1, hidden, name + "a_bias"), mine)),
        b(rows_of(examiner.random(hidden, width, name + "b"), mine)) {}
};

Gradients gradients_of(const Matrix& x, const Matrix& dz, const Weights& w, const Variant& how) {
  const Matrix u = add_bias(matmul(x, w.a), scaled(w.a_bias, how.bias)), h = gelu(u),
               dh = matmul(dz, transpose(w.b));
  const Matrix du = how.exchanged ? exchanged_gelu_backward(u, dh)
                    : how.no_slope
                        ? dh
                        : product_of_elements(dh, gelu_derivative(how.at_output ? h : u));
  return {matmul(transpose(x), du), column_sums(du), matmul(transpose(how.before_gelu ? u : h), dz),
          matmul(du, transpose(w.a))};
}

/// The same with X and U kept by the forward pass: what the gradients must be, bit for bit. One
/// operation may compute what surrounds GeLU, or several.
Tensor with_kept_activations(Communicator& group, const Tensor& all_x, const Tensor& u,
                             const MlpPart& weights, const Tensor& all_dz, MlpPart& gradients,
                             bool in_one_operation) {
  Tensor h, du;
  if (in_one_operation) {
    const GeluBackward both = gelu_matmul_backward(all_dz, weights.b, u, gradients.a_bias);
    h = both.activated, du = both.du;
  } else {
    h = gelu(u), du = gelu_backward(u, matmul(all_dz, transposed(weights.b)));
    add_column_sums(gradients.a_bias, du);
  }
  add_matmul(gradients.b, transposed(h), all_dz);
  add_matmul(gradients.a, transposed(all_x), du);
  return group.reduce_scatter(PartialSum(matmul(du, transposed(weights.a))));
}

const std::vector<std::pair<std::string, Variant>> mistakes{
    {"computed without a_bias in the second forward pass", {.bias = 0}},
    {"computed with a_bias added twice in the second forward pass", {.bias = 2}},
    {derivative_at_output, {.at_output = true}},
    {gelu_backward_exchanged, {.exchanged = true}},
    {"computed without GeLU's derivative", {.no_slope = true}},
    {"computed from GeLU's input U instead of its output", {.before_gelu = true}}};

class Case {
 public:
  Case(Examiner& examiner, int64_t tokens)
      : examiner_(examiner),
        tokens_(tokens),
        ranks_(examiner.world().size()),
        own_(part_of(tokens, ranks_, examiner.world().rank())),
        mine_(part_of(hidden, ranks_, examiner.world().rank())),
        of_(text(" (", tokens, " tokens)")),
        x_(examiner.random(tokens, width, "x")),
        dz_(examiner.random(tokens, width, "dz")),
        weights_(examiner, "", mine_),
        before_(examiner, "gradient of ", mine_) {}

  void check() {
    const MlpPart weights = parameters();
    MlpPart got = held();
    const Ledger before = examiner_.ledger();
    const Tensor dx =
        recomputed_mlp_backward(examiner_.world(), examiner_.tensor(rows_of(x_, own_), "x"),
                                weights, examiner_.tensor(rows_of(dz_, own_), "dz"), tokens_, got);
    examiner_.expect_products("the products that are needed" + of_,
                              5 * tokens_ * width * mine_.size(),
                              "gelu(U)·B is not needed again, since no gradient depends on z");
    const int64_t of_own = own_.size() * width * 4;
    examiner_.expect_ledger("two all_gathers and one reduce_scatter" + of_, before,
                            {{Collective::all_gather, 2, 2 * of_own},
                             {Collective::reduce_scatter, 1, tokens_ * width * 4}});
    check_gradients(dx, got);
  }

  /// To be called after check(), which looks at the products: here the test has some of its own.
  void check_bits() {
    const MlpPart weights = parameters();
    MlpPart got = held();
    const Tensor dx =
        recomputed_mlp_backward(examiner_.world(), examiner_.tensor(rows_of(x_, own_), "x"),
                                weights, examiner_.tensor(rows_of(dz_, own_), "dz"), tokens_, got);
    const Tensor all_x = reference::to_tensor(examiner_.backend(), x_),
                 all_dz = reference::to_tensor(examiner_.backend(), dz_);
    Tensor u = matmul(all_x, weights.a);
    add_bias(u, weights.a_bias);
    bool same = false;
    for (const bool in_one_operation : {false, true}) {
      MlpPart kept = held();
      const Tensor kept_dx = with_kept_activations(examiner_.world(), all_x, u, weights, all_dz,
                                                   kept, in_one_operation);
      same = same || (same_bits(dx, kept_dx) && same_bits(got.a, kept.a) &&
                      same_bits(got.a_bias, kept.a_bias) && same_bits(got.b, kept.b));
    }
    examiner_.expect("the bits of a backward pass that kept X and U" + of_, same,
                     "your gradients are right, but not bit for bit those of a backward pass that "
                     "has kept X and U: the second forward pass must be the operations of the "
                     "first");
  }

 private:
  MlpPart parameters() {
    return {examiner_.tensor(weights_.a, "a"), examiner_.vector(weights_.a_bias, "a_bias"),
            examiner_.tensor(weights_.b, "b")};
  }
  MlpPart held() {
    return {examiner_.variable(before_.a), examiner_.variable_vector(before_.a_bias),
            examiner_.variable(before_.b)};
  }

  void check_gradients(const Tensor& dx, const MlpPart& got) {
    const Gradients right = gradients_of(x_, dz_, weights_, {}),
                    own = gradients_of(rows_of(x_, own_), rows_of(dz_, own_), weights_, {});
    check("gradients.b", got.b, before_.b, right.b, own.b, &Gradients::b, "gelu(U)ᵀ·dZ");
    check("gradients.a", got.a, before_.a, right.a, own.a, &Gradients::a, "Xᵀ·dU");
    check("gradients.a_bias", got.a_bias, before_.a_bias, right.a_bias, own.a_bias,
          &Gradients::a_bias, "Σ dU");
    // dX is a sum over the ranks, which each compute with their columns
    const auto summed = [&](const Variant& how) {
      Matrix sum(tokens_, width);
      for (int rank = 0; rank < ranks_; ++rank) {
        const Weights of_rank(examiner_, "", part_of(hidden, ranks_, rank));
        sum = add(sum, gradients_of(x_, dz_, of_rank, how).x);
      }
      return rows_of(sum, own_);
    };
    std::vector<Suspect> suspects;
    for (const auto& [diagnosis, how] : mistakes)
      suspects.push_back(Suspect::result(diagnosis, summed(how)));
    suspects.push_back(Suspect::result(
        "this rank's term for its own tokens: the terms of the other ranks' columns were never "
        "added",
        rows_of(right.x, own_)));
    suspects.push_back(
        Suspect::result("that of all tokens: this rank's rows are asked for", right.x));
    examiner_.expect("dx" + of_, dx, summed({}), suspects);
  }

  void check(const std::string& name, const Tensor& got, const Matrix& before, const Matrix& right,
             const Matrix& own, Matrix Gradients::*which, const std::string& what) {
    std::vector<Suspect> suspects;
    if (ranks_ > 1) {
      suspects.push_back(Suspect::result(
          "computed from this rank's tokens only: its part of the weights sees the tokens of all "
          "ranks, so the first gather is needed again",
          add(before, own)));
    }
    for (const auto& [diagnosis, how] : mistakes) {
      suspects.push_back(
          Suspect::result(diagnosis, add(before, gradients_of(x_, dz_, weights_, how).*which)));
    }
    examiner_.expect(name + of_, got, add(before, right),
                     suspects + wrongly_added(before, what, {{right, tokens_}}, ranks_));
  }

  Examiner& examiner_;
  int64_t tokens_;
  int ranks_;
  Range own_, mine_;  // tokens, hidden columns
  std::string of_;
  Matrix x_, dz_;  // [tokens × width]
  Weights weights_, before_;
};

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("13 tokens", [&] { Case(examiner, 13).check(); });
  if (!examiner.verdict()) return;
  // on 3 and 4 ranks some have none
  examiner.attempt("2 tokens", [&] { Case(examiner, 2).check(); });
  if (!examiner.verdict()) return;
  examiner.attempt("bits", [&] { Case(examiner, 13).check_bits(); });
}

}  // namespace shard
