// Two micro-batches are under way at once: 1 and 2 go forward, then 2 and 1 backward.
#include "exercises/04_column_parallel_gemm/4_find_the_faults.h"

#include <limits>
#include <utility>

#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t in = 13, out = 7;  // ranks of ⌈in/t⌉ would hold others than those of part_of

/// The layer, and how it is cut.
struct Layer {
  int ranks;
  Range mine;             // this rank's rows of A
  Matrix a, bias, own_a;  // [in × out], [1 × out], [in/t × out]
  Matrix old_da, old_db;  // what the gradients hold before

  explicit Layer(Examiner& examiner)
      : ranks(examiner.world().size()),
        mine(part_of(in, ranks, examiner.world().rank())),
        a(examiner.random(in, out, "a")),
        bias(examiner.random(1, out, "bias")),
        own_a(rows_of(a, mine)),
        old_da(rows_of(examiner.random(in, out, "da"), mine)),
        old_db(examiner.random(1, out, "db")) {}
};

struct Batch {
  std::string number;
  Matrix x, dy, y, dx;  // [tokens × in], [tokens × out], the same, [tokens × in]
  Matrix own_x;         // [tokens × in/t]

  Batch(Examiner& examiner, int64_t tokens, std::string the_number, const Layer& layer)
      : number(std::move(the_number)),
        x(examiner.random(tokens, in, "x" + number)),
        dy(examiner.random(tokens, out, "dy" + number)),
        y(add_bias(matmul(x, layer.a), layer.bias)),
        dx(matmul(dy, transpose(layer.a))),
        own_x(columns_of(x, layer.mine)) {}
  Matrix da() const { return matmul(transpose(own_x), dy); }
  Matrix db() const { return column_sums(dy); }
};

std::vector<Suspect> wrong_outputs(const Layer& layer, const Batch& batch) {
  const Matrix bias = add_bias(Matrix(batch.y.rows, out), layer.bias);
  std::vector<Suspect> suspects;
  if (layer.ranks > 1)
    suspects.push_back(Suspect::extra(
        "bias", bias, "Y must be the same on every rank, and the right one on each", times(-1)));
  return suspects + not_once("bias", bias, layer.ranks, "it",
                             "is in the sum over the ranks once for each of them");
}

/// The ranks' pieces of dX one after the other, as an all_gather brings them.
Matrix one_after_the_other(const Matrix& dx, int ranks) {
  Matrix all(dx.rows, dx.columns);
  size_t next = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    for (const double value : columns_of(dx, part_of(in, ranks, rank)).values)
      all.values[next++] = value;
  }
  return all;
}

/// The ranks' columns of dX where they would be if t divided in; NaN where none is.
Matrix evenly_placed(const Matrix& dx, int ranks) {
  Matrix all(dx.rows, dx.columns);
  for (double& value : all.values) value = std::numeric_limits<double>::quiet_NaN();
  for (int rank = 0; rank < ranks; ++rank) {
    const Range columns = part_of(in, ranks, rank);
    for (int64_t row = 0; row < dx.rows; ++row) {
      for (int64_t j = 0; j < columns.size(); ++j)
        all(row, rank * (in / ranks) + j) = dx(row, columns.begin + j);
    }
  }
  return all;
}

/// These columns of dX, and zeros.
Matrix only(const Matrix& dx, Range columns) {
  Matrix all(dx.rows, dx.columns);
  for (int64_t row = 0; row < dx.rows; ++row) {
    for (int64_t j = columns.begin; j < columns.end; ++j) all(row, j) = dx(row, j);
  }
  return all;
}

std::vector<Suspect> wrong_input_gradients(const Layer& layer, const Batch& batch) {
  return {Suspect::result("made of the right numbers in wrong places: which token and which column "
                          "is each of them from?",
                          one_after_the_other(batch.dx, layer.ranks)),
          Suspect::result("put together as if t divided in: the first ranks have one column more",
                          evenly_placed(batch.dx, layer.ranks)),
          Suspect::result("right in this rank's own columns only: it must be whole on every rank",
                          only(batch.dx, layer.mine))};
}

/// Mistakes of a gradient that held `before`, to which batch 2 adds and then batch 1.
std::vector<Suspect> wrong_gradients(const Matrix& before, const std::string& term, const Term& one,
                                     const Term& two, int ranks) {
  return std::vector{Suspect::result(
             "what the last call adds, and nothing else: what it held before is gone", one.sum)} +
         wrongly_added(before, term, {two, one}, ranks);
}

}  // namespace

void examine(Examiner& examiner) {
  Communicator& world = examiner.world();
  const Layer layer(examiner);
  const Batch one(examiner, 11, "1", layer), two(examiner, 6, "2", layer);
  const Tensor a = examiner.tensor(layer.own_a, "a"), bias = examiner.vector(layer.bias, "bias");
  Tensor da = examiner.variable(layer.old_da), db = examiner.variable_vector(layer.old_db);
  const auto forward = [&](const Batch* batch) {
    const Ledger before = examiner.ledger();
    const Tensor y = whole_input_forward(world, examiner.tensor(batch->x, "x"), a, bias);
    examiner.expect("Y" + batch->number, y, batch->y, wrong_outputs(layer, *batch));
    examiner.expect_ledger("forward " + batch->number + ": one all_reduce of tokens × out", before,
                           {{Collective::all_reduce, 1, batch->x.rows * out * 4}});
  };
  const auto backward = [&](const Batch* batch) {
    const Ledger before = examiner.ledger();
    const Tensor dx = whole_input_backward(world, examiner.tensor(batch->x, "x"), a,
                                           examiner.tensor(batch->dy, "dy"), da, db);
    examiner.expect("dX" + batch->number, dx, batch->dx, wrong_input_gradients(layer, *batch));
    examiner.expect_ledger(
        "backward " + batch->number + ": one all_gather of this rank's columns of dX", before,
        {{Collective::all_gather, 1, batch->x.rows * layer.mine.size() * 4}});
  };
  for (const Batch* batch : {&one, &two})
    examiner.attempt("forward " + batch->number, [&] { forward(batch); });
  examiner.attempt("backward", [&] {
    for (const Batch* batch : {&two, &one}) backward(batch);
    examiner.expect("da", da, add(layer.old_da, add(one.da(), two.da())),
                    wrong_gradients(layer.old_da, "X_iᵀ·dY", {one.da(), one.x.rows},
                                    {two.da(), two.x.rows}, layer.ranks));
    examiner.expect("db", db, add(layer.old_db, add(one.db(), two.db())),
                    wrong_gradients(layer.old_db, "Σ dY", {one.db(), one.x.rows},
                                    {two.db(), two.x.rows}, layer.ranks));
  });
}

}  // namespace shard
