#include "exercises/02_collectives/2_all_reduce.h"

#include "tests/exercises/support.h"

namespace shard {
namespace {

/// Common mistakes with the sum of `terms`.
std::vector<Suspect> suspects(const std::vector<Matrix>& terms, const Matrix& sum) {
  const int t = static_cast<int>(terms.size());
  // part r of rank r's term, for all r
  Matrix by_elements(sum.rows, sum.columns), by_rows = by_elements;
  for (int rank = 0; rank < t; ++rank) {
    const std::vector<double>& term = terms[static_cast<size_t>(rank)].values;
    const Range elements = part_of(std::ssize(term), t, rank), rows = part_of(sum.rows, t, rank);
    std::copy(term.begin() + elements.begin, term.begin() + elements.end,
              by_elements.values.begin() + elements.begin);
    std::copy(term.begin() + rows.begin * sum.columns, term.begin() + rows.end * sum.columns,
              by_rows.values.begin() + rows.begin * sum.columns);
  }
  const std::string unsummed =
      "each rank's own part of its own term, gathered: nothing was summed; a reduce_scatter must "
      "come first";
  std::vector<Suspect> all{
      Suspect::result(unsummed, by_elements), Suspect::result(unsummed, by_rows),
      Suspect::result(text("the mean over the ", t,
                           " ranks: an all-reduce sums, and does not divide"),
                      scaled(sum, 1.0 / t)),
      Suspect::result(
          text(t, " times the right one: what was already a sum was summed over the ranks again"),
          scaled(sum, t))};
  for (int rank = 0; rank < t; ++rank) {
    all.push_back(
        Suspect::result(text("rank ", rank, "'s term alone"), terms[static_cast<size_t>(rank)]));
  }
  return all;
}

void examine_sizes(Examiner& examiner, int64_t rows, int64_t columns) {
  Communicator& world = examiner.world();
  const int t = world.size();
  std::vector<Matrix> terms;
  Matrix sum(rows, columns);
  for (int rank = 0; rank < t; ++rank) {
    terms.push_back(examiner.random(rows, columns, text("term ", rank, " of ", rows)));
    sum = add(sum, terms.back());
  }
  const Tensor term = examiner.variable(terms[static_cast<size_t>(world.rank())]);
  const int64_t elements = rows * columns, mine = part_of(elements, t, world.rank()).size();
  const int64_t mine_by_rows = part_of(rows, t, world.rank()).size() * columns;

  const Ledger before = examiner.ledger();
  const Tensor got = all_reduce_in_halves(world, PartialSum(term));
  const std::string size = text("[", rows, " × ", columns, "]");
  examiner.expect("sum of " + size, got, sum, suspects(terms, sum));
  if (got && got.elements() == elements) {
    examiner.expect("shape of the sum of " + size, got.shape() == term.shape(),
                    text("the sum has all its elements, but not the term's shape ", size,
                         ": it has ", to_string(got.shape()), "; reshape restores it"));
  }

  int64_t gathered = -1;
  const Ledger since = examiner.ledger().since(before);
  for (const LedgerRow& row : since.rows()) {
    if (row.op == Collective::all_gather && row.calls == 1) gathered = row.bytes / 4;
  }
  examiner.expect(text("the work on ", size, " is divided by elements"),
                  gathered != mine_by_rows || mine == mine_by_rows,
                  text("you cut ", size, " by rows, so this rank adds up ", gathered, " of the ",
                       elements, " elements instead of ", mine,
                       ": reduce_scatter cuts a matrix by rows and a vector by elements"));
  if (gathered == mine_by_rows && mine != mine_by_rows) return;
  examiner.expect_ledger("the two halves for " + size, before,
                         {{Collective::reduce_scatter, 1, elements * 4},
                          {Collective::all_gather, 1, mine * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  const auto examine_case = [&](int64_t rows, int64_t columns) {
    examiner.attempt(text("[", rows, " × ", columns, "]"),
                     [&] { examine_sizes(examiner, rows, columns); });
    return examiner.verdict();
  };
  if (!examine_case(13, 7)) return;
  if (!examine_case(2, 5)) return;  // fewer rows than three ranks
  examine_case(1, 2);               // and fewer elements
}

}  // namespace shard
