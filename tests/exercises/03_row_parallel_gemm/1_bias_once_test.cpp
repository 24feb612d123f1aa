#include "exercises/03_row_parallel_gemm/1_bias_once.h"

#include "tests/exercises/examiner.h"

namespace shard {

static Matrix rows_of(const Matrix& matrix, Range range) {
  Matrix rows(range.size(), matrix.columns);
  for (int64_t row = range.begin; row < range.end; ++row) {
    for (int64_t column = 0; column < matrix.columns; ++column)
      rows(row - range.begin, column) = matrix(row, column);
  }
  return rows;
}

void examine(Examiner& examiner) {
  Communicator& world = examiner.world();
  const Matrix x = examiner.random(13, 17, "x"), a = examiner.random(17, 7, "a"),
               bias = examiner.random(1, 7, "bias");
  const Range mine = part_of(17, world.size(), world.rank()),
              rows = part_of(13, world.size(), world.rank());
  const Tensor my_x = columns_of(examiner.tensor(x), mine), my_a = examiner.tensor(a).slice(mine);
  const Matrix expected = rows_of(add_bias(matmul(x, a), bias), rows);
  const Matrix bias_rows = add_bias(Matrix(rows.size(), 7), bias);
  const Matrix own_term = rows_of(add_bias(matmul(Matrix(my_x), Matrix(my_a)), bias), rows);

  const Ledger before = examiner.ledger();
  const Tensor y = row_parallel_scattered(world, my_x, my_a, examiner.vector(bias));
  examiner.expect(
      "Y", y, expected,
      {Suspect::extra("bias", bias_rows, "the bias was added on every rank, before the sum",
                      [](double c) { return c > 0; }),
       Suspect::extra("bias", bias_rows, "the bias is missing", [](double c) { return c < 0; }),
       Suspect::result(
           "this rank's own term, plus bias: the terms of the other ranks were never added",
           own_term)});
  examiner.expect_ledger("one reduce_scatter of tokens × out", before,
                         {{Collective::reduce_scatter, 1, 13 * 7 * 4}});
}

}  // namespace shard
