#include "exercises/04_column_parallel_gemm/1_backward_all_reduce.h"

#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t tokens = 11, in = 9;

/// One of the two layers: split, and what is expected of it, from the whole matrices in double.
struct Side {
  std::string name;  // "Q", "K"
  Range mine;        // this rank's columns
  ColumnParallelLinear layer;
  Matrix dy, weight;            // whole
  Matrix da_before, db_before;  // of this rank
  Matrix dx, own_dx;            // [tokens × in]: from all ranks, and from this one

  Side(Examiner& examiner, const std::string& letter, int64_t out)
      : name(letter),
        mine(part_of(out, examiner.world().size(), examiner.world().rank())),
        layer(examiner.world(), name, in, out, {20, 0.3f, 0.5f}),
        dy(examiner.random(tokens, out, "d" + name)),
        weight(
            ColumnParallelLinear(examiner.alone(), name, in, out, {20, 0.3f, 0.5f}).weight.value),
        da_before(columns_of(examiner.random(in, out, "da " + name), mine)),
        db_before(columns_of(examiner.random(1, out, "db " + name), mine)),
        dx(matmul(dy, transpose(weight))),
        own_dx(matmul(own_dy(), transpose(columns_of(weight, mine)))) {
    layer.weight.gradient = examiner.variable(da_before);  // as left by an earlier micro-batch
    layer.bias.gradient = examiner.variable_vector(db_before);
  }

  Matrix own_dy() const { return columns_of(dy, mine); }

  void expect_gradients(Examiner& examiner, const Matrix& x, const std::string& of) const {
    const Matrix da = matmul(transpose(x), own_dy()), db = column_sums(own_dy());
    const int ranks = examiner.world().size();
    examiner.expect("dA of " + name + of, layer.weight.gradient, add(da_before, da),
                    wrongly_added(da_before, "xᵀ·d" + name, {{da, tokens}}, ranks));
    examiner.expect("db of " + name + of, layer.bias.gradient, add(db_before, db),
                    wrongly_added(db_before, "Σ d" + name, {{db, tokens}}, ranks));
  }
};

void check(Examiner& examiner, int64_t query_out, int64_t key_out, const std::string& of) {
  Communicator& world = examiner.world();
  const int ranks = world.size();
  const Matrix x = examiner.random(tokens, in, "x");
  Side query(examiner, "Q", query_out), key(examiner, "K", key_out);
  const Tensor input = examiner.tensor(x, "x");
  ColumnParallelLinear::Kept kept;
  query.layer.forward(input, kept);
  key.layer.forward(input, kept);

  const Ledger before = examiner.ledger();
  const Tensor dx =
      shared_input_backward(world, input, examiner.tensor(query.own_dy(), "dq"),
                            examiner.tensor(key.own_dy(), "dk"), query.layer, key.layer);
  examiner.expect(
      "dX" + of, dx, add(query.dx, key.dx),
      std::vector{Suspect::result("what comes through Q only: the term of K is missing", query.dx),
                  Suspect::result("what comes through K only: the term of Q is missing", key.dx),
                  Suspect::result(
                      "the sum over the ranks for Q, but this rank's own term for K: it was added "
                      "after the all-reduce",
                      add(query.dx, key.own_dx)),
                  Suspect::result(
                      "the sum over the ranks for K, but this rank's own term for Q: it was added "
                      "after the all-reduce",
                      add(query.own_dx, key.dx))} +
          wrongly_summed("dX", add(query.dx, key.dx), add(query.own_dx, key.own_dx), ranks) +
          not_once("dQ·A_qᵀ", query.dx, ranks, "Q's term",
                   "went through a second all-reduce: it was the sum over the ranks already") +
          not_once("dK·A_kᵀ", key.dx, ranks, "K's term",
                   "went through a second all-reduce: it was the sum over the ranks already"));
  query.expect_gradients(examiner, x, of);
  key.expect_gradients(examiner, x, of);
  examiner.expect_ledger("one all_reduce of tokens × in" + of, before,
                         {{Collective::all_reduce, 1, tokens * in * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("16 and 10 columns", [&] { check(examiner, 16, 10, ""); });
  if (!examiner.verdict()) return;
  // on 3 and 4 ranks the last has none
  examiner.attempt("2 and 1 columns", [&] { check(examiner, 2, 1, " (2 and 1 columns)"); });
}

}  // namespace shard
