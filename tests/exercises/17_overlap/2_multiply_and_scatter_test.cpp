#include "exercises/17_overlap/2_multiply_and_scatter.h"

#include "tests/exercises/overlap_steps.h"
#include "tests/exercises/terms.h"

namespace shard {
namespace {

constexpr int64_t in = 5, out = 7;

/// Common mistakes with this rank's part of the sum of `terms`, to which `bias` is added.
std::vector<Suspect> suspects(Communicator& world, const std::vector<Matrix>& terms,
                              const Matrix& sum, const Matrix& bias) {
  const int t = world.size(), rank = world.rank(), right = (rank + 1) % t,
            left = (rank + t - 1) % t;
  const auto part = [&](const Matrix& whole, int owner) {
    return rows_of(whole, part_of(whole.rows, t, owner));
  };
  const auto term = [&](int of) { return terms[static_cast<size_t>(of)]; };
  const auto with_bias = [&](const Matrix& x) { return add_bias(x, bias); };
  Matrix nothing = part(sum, rank);
  std::ranges::fill(nothing.values, NAN);
  std::vector<Suspect> all{
      Suspect::result("your own term: those of the other ranks were never added",
                      with_bias(part(term(rank), rank))),
      Suspect::result("part r + 1 of the sum on each rank r: begin with the rows of rank r - 1, "
                      "so that your own come last",
                      with_bias(part(sum, right))),
      Suspect::result(
          "part r - 1 of the sum on each rank r: a sum that goes to rank - 1 must begin "
          "with the rows of rank r + 1",
          with_bias(part(sum, left))),
      Suspect::result("part r + 1 of the sum on each rank r, without the term of rank r + 1: one "
                      "step too few",
                      with_bias(add(part(sum, right), scaled(part(term(right), right), -1)))),
      Suspect::result("NaN everywhere: what is received was added before it had arrived", nothing)};
  for (int other = 0; other < t; ++other) {
    const Matrix theirs = part(term(other), rank);
    const int distance = (other - rank + t) % t;
    const std::string who =
        distance == 0 ? "this rank's own term" : text("the term of rank r + ", distance);
    if (distance > 0) {
      all.push_back(Suspect::result(
          who +
              " alone, on each rank r: what arrived was passed on without adding this rank's term",
          with_bias(theirs)));
    }
    all = all + not_once(who, theirs, t);
  }
  return all + bias_not_once("bias", bias, part(sum, rank).rows, t, "it",
                             "is added on every rank: add it once, to the finished sum");
}

void examine_rows(Examiner& examiner, int64_t rows) {
  Communicator& world = examiner.world();
  const int t = world.size(), rank = world.rank();
  const std::string name = text(" of ", rows, " rows");
  std::vector<Matrix> terms, own;
  Matrix sum(rows, out);
  for (int other = 0; other < t; ++other) {
    terms.push_back(matmul(examiner.random(rows, in, text("x of ", other, name)),
                           examiner.random(in, out, text("w of ", other))));
    sum = add(sum, terms.back());
  }
  for (int owner = 0; owner < t; ++owner)
    own.push_back(rows_of(terms[static_cast<size_t>(rank)], part_of(rows, t, owner)));
  const Matrix bias = examiner.random(1, out, "bias");
  const Range mine = part_of(rows, t, rank);

  const Tensor x = examiner.tensor(examiner.random(rows, in, text("x of ", rank, name)), "x"),
               w = examiner.tensor(examiner.random(in, out, text("w of ", rank)), "w"),
               b = examiner.vector(bias, "bias");
  const Ledger before = examiner.ledger();
  OverlapSteps steps(examiner, own);
  const Tensor z = with_explanation(
      [&] { return multiply_and_scatter(world, x, w, b); },
      "the receive buffer must have the shape of the part that arrives: part_of(rows, t, owner)");
  examiner.expect("Z" + name, z, add_bias(rows_of(sum, mine), bias),
                  suspects(world, terms, sum, bias));
  const std::string wrong = steps.diagnosis(rank, false);
  examiner.expect("the order of steps" + name, wrong.empty(), wrong);
  examiner.expect_ledger("t-1 exchanges, of all parts but this rank's own" + name, before,
                         {{Collective::send_receive, t - 1, (rows - mine.size()) * out * 4}});
  examiner.expect_products("one product for each row" + name, rows * in * out,
                           "multiply each part once");
}

}  // namespace

void examine(Examiner& examiner) {
  for (const int64_t rows : {12, 11}) {  // alike on all ranks, and not
    examiner.attempt(text(rows, " rows"), [&] { examine_rows(examiner, rows); });
    if (!examiner.verdict()) return;
  }
}

}  // namespace shard
