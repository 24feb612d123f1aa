// Two batches are under way at once: 1 and 2 go forward, then 2 and 1 backward.
#include "exercises/05_parallel_mlp/1_one_all_reduce.h"

#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t width = 6, hidden = 13;

/// The parameters of Z = GeLU(X·A + b)·B + c, or their gradients, in whole.
struct Whole {
  Matrix a, a_bias, b, b_bias;

  Whole(Examiner& examiner, const std::string& name)
      : a(examiner.random(width, hidden, name + "a")),
        a_bias(examiner.random(1, hidden, name + "a_bias")),
        b(examiner.random(hidden, width, name + "b")),
        b_bias(examiner.random(1, width, name + "b_bias")) {}
  MlpPart part(Examiner& examiner, Range mine) const {
    return {examiner.tensor(columns_of(a, mine), "a"),
            examiner.vector(columns_of(a_bias, mine), "a_bias"),
            examiner.tensor(rows_of(b, mine), "b"), examiner.vector(b_bias, "b_bias")};
  }
};

/// One batch, forward and backward, in double precision.
struct Batch {
  std::string number;
  Matrix x, dz;                       // [tokens × width]
  Matrix before_gelu, after_gelu, z;  // [tokens × hidden], the same, [tokens × width]
  Matrix d_after, d_before, dx;       // their gradients, and X's
  Matrix d_at_output, d_exchanged;    // d_before, with GeLU's derivative at the wrong place

  Batch(Examiner& examiner, int64_t tokens, const std::string& the_number, const Whole& mlp)
      : number(the_number),
        x(examiner.random(tokens, width, "x" + number)),
        dz(examiner.random(tokens, width, "dz" + number)) {
    before_gelu = add_bias(matmul(x, mlp.a), mlp.a_bias);
    after_gelu = gelu(before_gelu);
    z = add_bias(matmul(after_gelu, mlp.b), mlp.b_bias);
    d_after = matmul(dz, transpose(mlp.b));
    d_before = product_of_elements(d_after, gelu_derivative(before_gelu));
    d_at_output = product_of_elements(d_after, gelu_derivative(after_gelu));
    d_exchanged = exchanged_gelu_backward(before_gelu, d_after);
    dx = matmul(d_before, transpose(mlp.a));
  }
};

void check_forward(Examiner& examiner, const Tensor& z, const Tensor& before_gelu,
                   const Batch& batch, const Whole& mlp, Range mine) {
  const int ranks = examiner.world().size();
  const std::string first = "the first bias", second = "the second bias";
  std::vector<Suspect> suspects =
      bias_not_once("b", columns_of(mlp.a_bias, mine), batch.x.rows, ranks, first);
  suspects.push_back(
      Suspect::result("GeLU's output: its input must be kept", columns_of(batch.after_gelu, mine)));
  examiner.expect("before_gelu" + batch.number, before_gelu, columns_of(batch.before_gelu, mine),
                  suspects);

  suspects = bias_not_once("c", mlp.b_bias, batch.x.rows, ranks, second,
                           "was added on every rank, before the sum");
  const Matrix own = matmul(columns_of(batch.after_gelu, mine), rows_of(mlp.b, mine));
  const auto known = [&](const std::string& diagnosis, const Matrix& product) {
    suspects.push_back(Suspect::result(diagnosis, add_bias(product, mlp.b_bias)));
  };
  known("this rank's own term, plus c: the terms of the other ranks were never added", own);
  known("(X·A + b)·B + c: GeLU is missing", matmul(batch.before_gelu, mlp.b));
  known("GeLU(X·A)·B + c: the first bias is missing", matmul(gelu(matmul(batch.x, mlp.a)), mlp.b));
  examiner.expect("Z" + batch.number, z, batch.z, suspects);
}

void check_dx(Examiner& examiner, const Tensor& dx, const Batch& batch, const Whole& mlp,
              Range mine) {
  const Matrix a_transposed = transpose(mlp.a);
  const std::string name = "dX" + batch.number;
  examiner.expect(
      name, dx, batch.dx,
      std::vector{Suspect::result("dZ·Bᵀ·Aᵀ: GeLU's derivative is missing",
                                  matmul(batch.d_after, a_transposed)),
                  Suspect::result(derivative_at_output, matmul(batch.d_at_output, a_transposed)),
                  Suspect::result(gelu_backward_exchanged,
                                  matmul(batch.d_exchanged, a_transposed))} +
          wrongly_summed(name, batch.dx,
                         matmul(columns_of(batch.d_before, mine), rows_of(a_transposed, mine)),
                         examiner.world().size()));
}

using OfBatch = std::function<Matrix(const Batch&)>;

/// A gradient that held `before`, and to which batch 2 adds `right` and then batch 1. `known`:
/// likewise, wrong ones.
void check_gradient(Examiner& examiner, const std::string& name, const Tensor& got,
                    const Matrix& before, const std::vector<Batch>& batches, const OfBatch& right,
                    const std::vector<std::pair<std::string, OfBatch>>& known) {
  const Matrix added = add(right(batches[0]), right(batches[1]));
  std::vector<Suspect> suspects;
  for (const auto& [diagnosis, wrong] : known) {
    suspects.push_back(
        Suspect::result(diagnosis, add(before, add(wrong(batches[0]), wrong(batches[1])))));
  }
  examiner.expect(name, got, add(before, added),
                  suspects + wrongly_added(before, "what the two batches add",
                                           {{right(batches[1]), batches[1].x.rows},
                                            {right(batches[0]), batches[0].x.rows}},
                                           examiner.world().size()));
}

void check_gradients(Examiner& examiner, const MlpPart& got, const Whole& before,
                     const std::vector<Batch>& batches, Range mine) {
  const auto of_a = [mine](Matrix Batch::*d) -> OfBatch {
    return
        [=](const Batch& batch) { return matmul(transpose(batch.x), columns_of(batch.*d, mine)); };
  };
  const auto of_a_bias = [mine](Matrix Batch::*d) -> OfBatch {
    return [=](const Batch& batch) { return column_sums(columns_of(batch.*d, mine)); };
  };
  const auto of_b = [mine](Matrix Batch::*layer) -> OfBatch {
    return [=](const Batch& batch) {
      return matmul(transpose(columns_of(batch.*layer, mine)), batch.dz);
    };
  };
  const std::vector<std::pair<std::string, Matrix Batch::*>> wrong{
      {"computed without GeLU's derivative", &Batch::d_after},
      {derivative_at_output, &Batch::d_at_output},
      {gelu_backward_exchanged, &Batch::d_exchanged}};
  std::vector<std::pair<std::string, OfBatch>> wrong_a, wrong_a_bias;
  for (const auto& [diagnosis, d] : wrong) {
    wrong_a.emplace_back(diagnosis, of_a(d));
    wrong_a_bias.emplace_back(diagnosis, of_a_bias(d));
  }
  check_gradient(examiner, "gradients.a", got.a, columns_of(before.a, mine), batches,
                 of_a(&Batch::d_before), wrong_a);
  check_gradient(examiner, "gradients.a_bias", got.a_bias, columns_of(before.a_bias, mine), batches,
                 of_a_bias(&Batch::d_before), wrong_a_bias);
  check_gradient(examiner, "gradients.b", got.b, rows_of(before.b, mine), batches,
                 of_b(&Batch::after_gelu),
                 {{"computed from GeLU's input instead of its output", of_b(&Batch::before_gelu)}});
  check_gradient(examiner, "gradients.b_bias", got.b_bias, before.b_bias, batches,
                 [](const Batch& batch) { return column_sums(batch.dz); }, {});
}

}  // namespace

void examine(Examiner& examiner) {
  Communicator& world = examiner.world();
  const Whole mlp(examiner, ""), before(examiner, "gradient of ");
  const std::vector<Batch> batches{{examiner, 11, "1", mlp}, {examiner, 7, "2", mlp}};
  const Range mine = part_of(hidden, world.size(), world.rank());
  const MlpPart part = mlp.part(examiner, mine);
  const MlpPart held = before.part(examiner, mine);
  MlpPart gradients{held.a.clone(), held.a_bias.clone(), held.b.clone(), held.b_bias.clone()};
  const auto forward = [&](const Batch& batch) {
    const Tensor x = examiner.tensor(batch.x, "x");
    Tensor before_gelu;
    const Ledger start = examiner.ledger();
    const Tensor z = mlp_forward(world, x, part, before_gelu);
    examiner.expect_ledger(text("forward ", batch.number, ": one all_reduce of tokens × width"),
                           start, {{Collective::all_reduce, 1, x.bytes()}});
    check_forward(examiner, z, before_gelu, batch, mlp, mine);
  };
  const auto backward = [&](const Batch& batch) {
    const Tensor x = examiner.tensor(batch.x, "x"), dz = examiner.tensor(batch.dz, "dz");
    const Tensor before_gelu = examiner.tensor(columns_of(batch.before_gelu, mine), "before_gelu");
    const Ledger start = examiner.ledger();
    const Tensor dx = mlp_backward(world, x, part, before_gelu, dz, gradients);
    examiner.expect_ledger(text("backward ", batch.number, ": one all_reduce of tokens × width"),
                           start, {{Collective::all_reduce, 1, x.bytes()}});
    check_dx(examiner, dx, batch, mlp, mine);
  };
  for (const Batch& batch : batches)
    examiner.attempt("forward " + batch.number, [&] { forward(batch); });
  examiner.attempt("backward", [&] {
    for (size_t i : {1, 0}) backward(batches[i]);
    check_gradients(examiner, gradients, before, batches, mine);
  });
}

}  // namespace shard
