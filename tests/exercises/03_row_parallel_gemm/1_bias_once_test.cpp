#include "exercises/03_row_parallel_gemm/1_bias_once.h"

#include "tests/exercises/terms.h"

namespace shard {

static void check(Examiner& examiner, int64_t tokens, int64_t in, const std::string& of) {
  constexpr int64_t out = 7;
  Communicator& world = examiner.world();
  const Matrix x = examiner.random(tokens, in, "x"), a = examiner.random(in, out, "a"),
               bias = examiner.random(1, out, "bias");
  const Range mine = part_of(in, world.size(), world.rank()),
              rows = part_of(tokens, world.size(), world.rank());
  const Tensor my_x = columns_of(examiner.tensor(x, "x"), mine),
               my_a = examiner.tensor(a, "a").slice(mine);
  const Matrix expected = rows_of(add_bias(matmul(x, a), bias), rows);
  const Matrix own_term = rows_of(add_bias(matmul(Matrix(my_x), Matrix(my_a)), bias), rows);

  const Ledger before = examiner.ledger();
  const Tensor y = row_parallel_scattered(world, my_x, my_a, examiner.vector(bias, "bias"));
  examiner.expect(
      "Y" + of, y, expected,
      std::vector{Suspect::result(
          "this rank's own term, plus bias: the terms of the other ranks were never added",
          own_term)} +
          bias_not_once("bias", bias, rows.size(), world.size(), "the bias",
                        "was added on every rank, before the sum"));
  examiner.expect_ledger("one reduce_scatter of tokens × out" + of, before,
                         {{Collective::reduce_scatter, 1, tokens * out * 4}});
}

void examine(Examiner& examiner) {
  examiner.attempt("13 tokens", [&] { check(examiner, 13, 17, ""); });
  if (!examiner.verdict()) return;
  // on 3 and 4 ranks the last has no row of Y, and no row of A
  examiner.attempt("2 tokens", [&] { check(examiner, 2, 17, " (2 tokens)"); });
  examiner.attempt("in = 2", [&] { check(examiner, 13, 2, " (in = 2)"); });
}

}  // namespace shard
