#include "exercises/13_sequence_parallel/2_two_consumers.h"

#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t width = 9, k = 5;

struct Shapes {
  int64_t rows, out;
  std::string of;  // for messages
};

void check(Examiner& examiner, const Shapes& shapes) {
  Communicator& world = examiner.world();
  const int ranks = world.size();
  const Range rows = part_of(shapes.rows, ranks, world.rank()),
              columns = part_of(shapes.out, ranks, world.rank());
  const Matrix y = examiner.random(shapes.rows, width, "y"),
               du = examiner.random(shapes.rows, shapes.out, "du"),
               dv = examiner.random(shapes.rows, k, "dv"),
               a = examiner.random(width, shapes.out, "a"), c = examiner.random(width, k, "c");
  const Matrix own_du = columns_of(du, columns), own_a = columns_of(a, columns);
  const Matrix old_da = columns_of(examiner.random(width, shapes.out, "old da"), columns),
               old_dc = examiner.random(width, k, "old dc");
  Tensor da = examiner.variable(old_da), dc = examiner.variable(old_dc);
  const Ledger before = examiner.ledger();
  const Tensor dx =
      shared_gather_backward(world, examiner.tensor(y, "y"), examiner.tensor(own_du, "du"),
                             examiner.tensor(dv, "dv"), examiner.tensor(own_a, "a"),
                             examiner.tensor(c, "c"), da, dc);

  const Matrix of_u = rows_of(matmul(du, transpose(a)), rows),  // Σ over the ranks
      own_u = rows_of(matmul(own_du, transpose(own_a)), rows),  // this rank's term
      all_v = matmul(dv, transpose(c)), of_v = rows_of(all_v, rows);
  std::vector<Suspect> suspects{
      Suspect::result("what comes through U only: the gradient through V is missing", of_u),
      Suspect::result("what comes through V only: the gradient through U is missing", of_v),
      Suspect::result("own rows of this rank's own gradient: the other ranks' terms of dU·Aᵀ were "
                      "never added",
                      add(own_u, of_v)),
      Suspect::extra("dV·Cᵀ", of_v,
                     "dV·Cᵀ is the same on every rank, and went through the sum as well",
                     times(ranks - 1)),
      Suspect::result("right through U, but with dV·Cᵀ divided by the ranks: no other rank adds to "
                      "a rank's own rows of it",
                      add(of_u, scaled(of_v, 1.0 / ranks))),
      Suspect::result("the mean over the ranks, where the terms of dU·Aᵀ are a sum",
                      add(scaled(of_u, 1.0 / ranks), of_v))};
  const auto with_rows_of_v = [&](const std::string& diagnosis, int64_t begin) {
    if (begin < 0 || begin == rows.begin || begin + rows.size() > shapes.rows) return;
    suspects.push_back(
        Suspect::result(diagnosis, add(of_u, rows_of(all_v, {begin, begin + rows.size()}))));
  };
  with_rows_of_v("right through U, but with the first rows of dV·Cᵀ on every rank", 0);
  with_rows_of_v(
      "right through U, but with rows of dV·Cᵀ from rank × their number: parts differ "
      "in size, part_of gives the begin",
      world.rank() * rows.size());
  examiner.expect("dX" + shapes.of, dx, add(of_u, of_v), suspects);
  const Matrix sum_a = matmul(transpose(y), own_du), sum_c = matmul(transpose(y), dv);
  const auto of_own_rows = [&](const Matrix& old, const Matrix& gradient) {
    return Suspect::result(
        "what it held before plus the terms of this rank's rows: a rank has all "
        "rows of Y",
        add(old, matmul(transpose(rows_of(y, rows)), rows_of(gradient, rows))));
  };
  examiner.expect("dA" + shapes.of, da, add(old_da, sum_a),
                  std::vector{of_own_rows(old_da, own_du)} +
                      wrongly_added(old_da, "Yᵀ·dU", {{sum_a, shapes.rows}}, ranks));
  examiner.expect("dC" + shapes.of, dc, add(old_dc, sum_c),
                  std::vector{of_own_rows(old_dc, dv), summed_with_before(old_dc, ranks)} +
                      wrongly_added(old_dc, "Yᵀ·dV", {{sum_c, shapes.rows}}, ranks));
  examiner.expect_ledger("one reduce_scatter of rows × width" + shapes.of, before,
                         {{Collective::reduce_scatter, 1, shapes.rows * width * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("17 rows, 14 columns", [&] { check(examiner, {17, 14, ""}); });
  if (!examiner.verdict()) return;
  // on 3 and 4 ranks the last has no rows, and no columns
  examiner.attempt("2 rows, 2 columns", [&] { check(examiner, {2, 2, " (2 rows, 2 columns)"}); });
}

}  // namespace shard
