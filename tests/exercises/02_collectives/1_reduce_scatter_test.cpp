#include "exercises/02_collectives/1_reduce_scatter.h"

#include "tests/exercises/ring_group.h"
#include "tests/exercises/terms.h"

namespace shard {
namespace {

/// Elements `range` of a matrix in row order, as one row.
Matrix elements_of(const Matrix& matrix, Range range) {
  Matrix elements(1, range.size());
  std::copy(matrix.values.begin() + range.begin, matrix.values.begin() + range.end,
            elements.values.begin());
  return elements;
}

/// Common mistakes with this rank's part of the sum of `terms`.
std::vector<Suspect> suspects(Communicator& world, const std::vector<Matrix>& terms,
                              const Matrix& sum) {
  const int t = world.size(), rank = world.rank(), right = (rank + 1) % t,
            left = (rank + t - 1) % t;
  const auto part = [&](const Matrix& whole, int index) {
    return rows_of(whole, part_of(whole.rows, t, index));
  };
  const Matrix &mine = terms[static_cast<size_t>(rank)],
               &rights = terms[static_cast<size_t>(right)];
  const int64_t equal = sum.rows / t;

  std::vector<Suspect> all{
      Suspect::result("your own term's rows: the other ranks' terms were never added",
                      part(mine, rank)),
      Suspect::result(
          "part r + 1 of the sum on each rank r: to end on rank r, part r must start on rank r + 1",
          part(sum, right)),
      Suspect::result(
          "part r - 1 of the sum on each rank r, with rank r's own term twice: one step too many",
          add(part(sum, left), part(mine, left))),
      Suspect::result(
          "part r + 1 of the sum on each rank r, without the term of rank r + 1: one step too few",
          add(part(sum, right), scaled(part(rights, right), -1))),
      Suspect::result("cut by elements, not by rows: a part is rows part_of(rows, t, rank)",
                      elements_of(sum, part_of(std::ssize(sum.values), t, rank))),
      Suspect::result("one of t equal parts of rows / t rows: the remaining rows go to the first "
                      "ranks, one each, as in part_of",
                      rows_of(sum, {rank * equal, (rank + 1) * equal}))};
  for (int other = 0; other < t; ++other) {
    const Matrix theirs = part(terms[static_cast<size_t>(other)], rank);
    const int distance = (other - rank + t) % t;
    const std::string who =
        distance == 0 ? "this rank's own term" : text("the term of rank r + ", distance);
    all.push_back(Suspect::result(
        who + " alone, on each rank r: what arrived was passed on without adding this rank's term",
        theirs));
    all = all + not_once(who, theirs, t);
  }
  return all;
}

void examine_sizes(Examiner& examiner, int64_t rows, int64_t columns) {
  Communicator& world = examiner.world();
  const int t = world.size(), rank = world.rank();
  std::vector<Matrix> terms;
  Matrix sum(rows, columns);
  for (int other = 0; other < t; ++other) {
    terms.push_back(examiner.random(rows, columns, text("term ", other, " of ", rows)));
    sum = add(sum, terms.back());
  }
  const Tensor term = examiner.tensor(terms[static_cast<size_t>(rank)], "sum");
  const Range mine = part_of(rows, t, rank);

  RingGroup ring(world);
  const Ledger before = examiner.ledger();
  const Tensor part =
      with_explanation([&] { return ring_reduce_scatter(ring, PartialSum(term)); },
                       "the receive buffer must have the shape of the part that arrives, which may "
                       "differ from that of the part that leaves");
  const std::string of_rows = text(" of the ", rows, " rows");
  examiner.expect("part" + of_rows, part, rows_of(sum, mine), suspects(world, terms, sum));
  examiner.expect_new("part" + of_rows, part);
  examiner.expect_ledger(text("the messages", of_rows, ": t-1, every part but this rank's own"),
                         before,
                         {{Collective::send_receive, t - 1, (rows - mine.size()) * columns * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  const auto examine_case = [&](int64_t rows, int64_t columns) {
    examiner.attempt(text("[", rows, " × ", columns, "]"),
                     [&] { examine_sizes(examiner, rows, columns); });
    return examiner.verdict();
  };
  if (examine_case(13, 7)) examine_case(2, 5);  // fewer rows than three ranks
}

}  // namespace shard
