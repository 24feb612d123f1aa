#include "exercises/05_parallel_mlp/2_gated_mlp.h"

#include "tests/exercises/answers.h"
#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t tokens = 9, width = 5, hidden = 11;

/// The columns that each rank of 1, 2, 3 and 4 is given.
using Columns = std::vector<std::vector<int64_t>>;
Columns columns_given(const std::function<std::vector<Range>(int ranks, int rank)>& cut) {
  Columns columns;
  for (int ranks = 1; ranks <= 4; ++ranks) {
    for (int rank = 0; rank < ranks; ++rank) columns.push_back(numbers_in(cut(ranks, rank)));
  }
  return columns;
}

void check_columns(Examiner& examiner, int64_t columns, const std::string& of) {
  const auto mine = [=](int ranks, int rank) { return part_of(columns, ranks, rank); };
  const auto of_up = [=](Range part) { return Range{columns + part.begin, columns + part.end}; };
  const Columns expected = columns_given([&](int t, int i) {
    return std::vector{mine(t, i), of_up(mine(t, i))};
  });
  const Columns got = columns_given([=](int t, int i) { return gate_up_columns(columns, t, i); });
  const auto known = [&](const std::string& diagnosis,
                         const std::function<std::vector<Range>(int, int)>& cut) {
    return KnownWrong<Columns>{diagnosis, columns_given(cut)};
  };
  const auto rounded_down = [=](int t, int i) {
    return Range{columns / t * i, columns / t * (i + 1)};
  };
  const auto rounded_up = [=](int t, int i) {
    const int64_t each = (columns + t - 1) / t;
    return Range{std::min(columns, each * i), std::min(columns, each * (i + 1))};
  };
  std::string difference;
  for (int ranks = 4, place = 9; ranks >= 1; --ranks) {
    for (int rank = ranks - 1; rank >= 0; --rank, --place) {
      const std::vector<int64_t>&g = got[static_cast<size_t>(place)],
            &e = expected[static_cast<size_t>(place)];
      if (g != e) {
        difference = text("your columns of rank ", rank, " of ", ranks, ", with hidden ", columns,
                          ", are ", shown(std::vector<int>(g.begin(), g.end())), "; expected ",
                          shown(std::vector<int>(e.begin(), e.end())));
      }
    }
  }
  expect_answer(
      examiner, "cut" + of, got, expected,
      {known("one range of 2·hidden/t columns of [G U] for each rank: the first ranks get columns "
             "of the gate and the last of up, but ∘ needs the same columns of both",
             [=](int t, int i) { return std::vector{part_of(2 * columns, t, i)}; }),
       known("the gate's columns only: those of up are missing",
             [&](int t, int i) { return std::vector{mine(t, i)}; }),
       known("the gate's columns twice: those of up begin at column hidden",
             [&](int t, int i) {
               return std::vector{mine(t, i), mine(t, i)};
             }),
       known("up's columns before the gate's; the gate's come first",
             [&](int t, int i) {
               return std::vector{of_up(mine(t, i)), mine(t, i)};
             }),
       known("hidden/t columns of each, rounded down: where t does not divide hidden, the last "
             "columns belong to no rank",
             [&](int t, int i) {
               return std::vector{rounded_down(t, i), of_up(rounded_down(t, i))};
             }),
       known("hidden/t columns of each, rounded up, and the rest for the last ranks: part_of "
             "makes the parts as even as possible",
             [&](int t, int i) {
               return std::vector{rounded_up(t, i), of_up(rounded_up(t, i))};
             })},
      difference);
}

/// The layer and one batch in double precision, all hidden columns.
struct Whole {
  Matrix x, dz;                          // [tokens × width]
  Matrix gate_weight, up_weight, down;   // [width × hidden], the same, [hidden × width]
  Matrix gate, up, activated, layer, z;  // X·G, X·U, GeLU(X·G), GeLU(X·G) ∘ X·U, Z
  Matrix d_layer, d_gate, d_up;

  explicit Whole(Examiner& examiner)
      : x(examiner.random(tokens, width, "x")),
        dz(examiner.random(tokens, width, "dz")),
        gate_weight(examiner.random(width, hidden, "gate")),
        up_weight(examiner.random(width, hidden, "up")),
        down(examiner.random(hidden, width, "down")) {
    gate = matmul(x, gate_weight);
    up = matmul(x, up_weight);
    activated = gelu(gate);
    layer = product_of_elements(activated, up);
    z = matmul(layer, down);
    d_layer = matmul(dz, transpose(down));
    d_gate = product_of_elements(product_of_elements(d_layer, up), gelu_derivative(gate));
    d_up = product_of_elements(d_layer, activated);
  }
};

void check_z(Examiner& examiner, const Tensor& z, const Whole& mlp, Range mine) {
  const auto known = [&](const std::string& diagnosis, const Matrix& layer) {
    return Suspect::result(diagnosis, matmul(layer, mlp.down));
  };
  examiner.expect(
      "Z", z, mlp.z,
      {Suspect::result("this rank's own term: the terms of the other ranks were never added",
                       matmul(columns_of(mlp.layer, mine), rows_of(mlp.down, mine))),
       known("(X·G ∘ GeLU(X·U))·D: GeLU was applied to up, not to the gate",
             product_of_elements(mlp.gate, gelu(mlp.up))),
       known("(X·G ∘ X·U)·D: GeLU is missing", product_of_elements(mlp.gate, mlp.up)),
       known("GeLU(X·G ∘ X·U)·D: GeLU must be applied to the gate, before the product with up",
             gelu(product_of_elements(mlp.gate, mlp.up))),
       known("(GeLU(X·G) + X·U)·D: the two were added, not multiplied", add(mlp.activated, mlp.up)),
       known("GeLU(X·G)·D: up is missing", mlp.activated)});
}

/// dX and the gradient of gate_up come from the same two gradients, so a mistake in those shows in
/// both.
void check_dx_and_gate_up(Examiner& examiner, const Tensor& dx, const Tensor& gradient,
                          const Matrix& before, const Whole& mlp, Range mine) {
  const Matrix gate_transposed = transpose(mlp.gate_weight),
               up_transposed = transpose(mlp.up_weight);
  const auto dx_of = [&](const Matrix& d_gate, const Matrix& d_up) {
    return add(matmul(d_gate, gate_transposed), matmul(d_up, up_transposed));
  };
  const auto gradient_of = [&](const Matrix& d_gate, const Matrix& d_up) {
    return matmul(transpose(mlp.x), side_by_side(columns_of(d_gate, mine), columns_of(d_up, mine)));
  };
  const Matrix right_dx = dx_of(mlp.d_gate, mlp.d_up),
               right_gradient = gradient_of(mlp.d_gate, mlp.d_up);
  const Matrix zero(tokens, hidden);
  const int ranks = examiner.world().size();
  const Matrix own_dx = add(matmul(columns_of(mlp.d_gate, mine), rows_of(gate_transposed, mine)),
                            matmul(columns_of(mlp.d_up, mine), rows_of(up_transposed, mine)));
  std::vector<Suspect> of_dx, of_gradient;
  const auto known = [&](const std::string& diagnosis, const Matrix& d_gate, const Matrix& d_up) {
    of_dx.push_back(Suspect::result(diagnosis, dx_of(d_gate, d_up)));
    of_gradient.push_back(Suspect::result(diagnosis, add(before, gradient_of(d_gate, d_up))));
  };
  const Matrix without_derivative = product_of_elements(mlp.d_layer, mlp.up);
  const Matrix without_up = product_of_elements(mlp.d_layer, gelu_derivative(mlp.gate));
  known("computed without GeLU's derivative in the gradient of the gate", without_derivative,
        mlp.d_up);
  known(derivative_at_output,
        product_of_elements(without_derivative, gelu_derivative(mlp.activated)), mlp.d_up);
  known(gelu_backward_exchanged, exchanged_gelu_backward(mlp.gate, without_derivative), mlp.d_up);
  known(gelu_backward_exchanged,
        product_of_elements(exchanged_gelu_backward(mlp.gate, mlp.d_layer), mlp.up), mlp.d_up);
  known("computed without the factor X·U in the gradient of the gate", without_up, mlp.d_up);
  known("computed with X·G as the factor of up's gradient instead of GeLU(X·G)", mlp.d_gate,
        product_of_elements(mlp.d_layer, mlp.gate));
  known("computed without a factor in up's gradient, which needs GeLU(X·G)", mlp.d_gate,
        mlp.d_layer);
  known("computed with the gradients of gate and up exchanged", mlp.d_up, mlp.d_gate);
  known("computed from the gate's gradient only: up's is missing", mlp.d_gate, zero);
  known("computed from up's gradient only: the gate's is missing", zero, mlp.d_up);
  examiner.expect("dX", dx, right_dx, of_dx + wrongly_summed("dX", right_dx, own_dx, ranks));
  examiner.expect("gradients.gate_up", gradient, add(before, right_gradient),
                  of_gradient + wrongly_added(before, "what this batch adds",
                                              {{right_gradient, tokens}}, ranks));
}

void check_down(Examiner& examiner, const Tensor& gradient, const Matrix& before, const Whole& mlp,
                Range mine) {
  const auto term_of = [&](const Matrix& layer) {
    return matmul(transpose(columns_of(layer, mine)), mlp.dz);
  };
  const auto with_layer = [&](const Matrix& layer) { return add(before, term_of(layer)); };
  examiner.expect(
      "gradients.down", gradient, with_layer(mlp.layer),
      std::vector{Suspect::result("computed from GeLU(X·G): the factor X·U is missing",
                                  with_layer(mlp.activated)),
                  Suspect::result("computed from X·G ∘ X·U: GeLU is missing",
                                  with_layer(product_of_elements(mlp.gate, mlp.up))),
                  Suspect::result("computed from X·U: GeLU(X·G) is missing", with_layer(mlp.up))} +
          wrongly_added(before, "what this batch adds", {{term_of(mlp.layer), tokens}},
                        examiner.world().size()));
}

}  // namespace

void examine(Examiner& examiner) {
  const auto cut = [&](int64_t columns, const std::string& of) {
    examiner.attempt("gate_up_columns" + of, [&] { check_columns(examiner, columns, of); });
    return examiner.verdict();
  };
  // ⌈9/t⌉ is another cut than that of part_of, and 3 are fewer than 4 ranks
  if (cut(hidden, "") && cut(9, " of 9 hidden columns")) cut(3, " of 3 hidden columns");
  Communicator& world = examiner.world();
  const Whole mlp(examiner);
  const Range mine = part_of(hidden, world.size(), world.rank());
  const Matrix my_gate = columns_of(mlp.gate, mine), my_up = columns_of(mlp.up, mine);
  const Matrix weight =
      side_by_side(columns_of(mlp.gate_weight, mine), columns_of(mlp.up_weight, mine));
  const GatedMlpPart part{examiner.tensor(weight, "gate_up"),
                          examiner.tensor(rows_of(mlp.down, mine), "down")};
  const Matrix gate_up_before = examiner.random(width, 2 * mine.size(), "gradient of gate_up");
  const Matrix down_before = examiner.random(mine.size(), width, "gradient of down");
  GatedMlpPart gradients{examiner.variable(gate_up_before), examiner.variable(down_before)};
  const Tensor x = examiner.tensor(mlp.x, "x");

  examiner.attempt("forward", [&] {
    const Ledger start = examiner.ledger();
    Tensor gate, up;
    const Tensor z = gated_mlp_forward(world, x, part, gate, up);
    examiner.expect_ledger("forward: one all_reduce of tokens × width", start,
                           {{Collective::all_reduce, 1, x.bytes()}});
    check_z(examiner, z, mlp, mine);
    examiner.expect("gate", gate, my_gate,
                    {Suspect::result("X·U_i, which is up", my_up),
                     Suspect::result("GeLU's output: its input must be kept",
                                     columns_of(mlp.activated, mine))});
    examiner.expect("up", up, my_up, {Suspect::result("X·G_i, which is the gate", my_gate)});
  });

  examiner.attempt("backward", [&] {
    const Ledger start = examiner.ledger();
    const Tensor dx =
        gated_mlp_backward(world, x, part, examiner.tensor(my_gate, "gate"),
                           examiner.tensor(my_up, "up"), examiner.tensor(mlp.dz, "dz"), gradients);
    examiner.expect_ledger("backward: one all_reduce of tokens × width", start,
                           {{Collective::all_reduce, 1, x.bytes()}});
    check_dx_and_gate_up(examiner, dx, gradients.gate_up, gate_up_before, mlp, mine);
    check_down(examiner, gradients.down, down_before, mlp, mine);
  });
}

}  // namespace shard
