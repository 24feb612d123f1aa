#include "exercises/03_row_parallel_gemm/2_backward.h"

#include "tests/exercises/gradients.h"

namespace shard {

static void check(Examiner& examiner, int64_t tokens, int64_t in, const std::string& of) {
  constexpr int64_t out = 7;
  Communicator& world = examiner.world();
  const Range mine = part_of(in, world.size(), world.rank()),
              own = part_of(tokens, world.size(), world.rank());
  const Matrix x = columns_of(examiner.random(tokens, in, "x"), mine);
  const Matrix a = rows_of(examiner.random(in, out, "a"), mine);
  const Matrix dy = examiner.random(tokens, out, "dy"), own_dy = rows_of(dy, own);
  const Matrix da_before = rows_of(examiner.random(in, out, "da"), mine),
               db_before = examiner.random(1, out, "db");
  const Matrix da_term = matmul(transpose(x), dy), db_term = column_sums(dy);

  Tensor da = examiner.variable(da_before), db = examiner.variable_vector(db_before);
  const Ledger before = examiner.ledger();
  const Tensor dx =
      row_parallel_scattered_backward(world, examiner.tensor(x, "x"), examiner.tensor(a, "a"),
                                      examiner.tensor(own_dy, "dy"), da, db);

  Matrix padded(tokens, out);  // this rank's rows of dY, zero elsewhere
  for (int64_t row = own.begin; row < own.end; ++row) {
    for (int64_t column = 0; column < out; ++column) padded(row, column) = dy(row, column);
  }
  if (dx && dx.shape() == Shape{own.size(), mine.size()} && world.size() > 1) {
    examiner.expect(
        "dX" + of, false,
        text("your dX has the ", own.size(), " tokens of this rank's rows of dY: all ", tokens,
             " tokens are needed, with this rank's columns, so dY must be gathered first"));
  } else {
    examiner.expect(
        "dX" + of, dx, matmul(dy, transpose(a)),
        {Suspect::result("computed from this rank's rows of dY only: the other tokens are zero",
                         matmul(padded, transpose(a)))});
  }
  examiner.expect(
      "dA" + of, da, add(da_before, da_term),
      std::vector{Suspect::result(
          "computed from this rank's tokens only: each rank's part of A sees all tokens",
          add(da_before, matmul(transpose(x), padded)))} +
          wrongly_added(da_before, "X_iᵀ·dY", {{da_term, tokens}}, world.size()));
  examiner.expect(
      "db" + of, db, add(db_before, db_term),
      std::vector{
          Suspect::result("computed from this rank's tokens only: the bias was added to the tokens "
                          "of all ranks",
                          add(db_before, column_sums(own_dy))),
          summed_with_before(db_before, world.size())} +
          wrongly_added(db_before, "Σ dY", {{db_term, tokens}}, world.size()));
  examiner.expect_ledger("one all_gather of this rank's rows of dY" + of, before,
                         {{Collective::all_gather, 1, own.size() * out * 4}});
}

void examine(Examiner& examiner) {
  examiner.attempt("13 tokens", [&] { check(examiner, 13, 17, ""); });
  if (!examiner.verdict()) return;
  // on 3 and 4 ranks the last has no row of dY, and no row of A
  examiner.attempt("2 tokens", [&] { check(examiner, 2, 17, " (2 tokens)"); });
  examiner.attempt("in = 2", [&] { check(examiner, 13, 2, " (in = 2)"); });
}

}  // namespace shard
