#include "exercises/18_pipeline/3_one_table.h"

#include <cmath>

#include "tests/exercises/support.h"

namespace shard {
namespace {

/// Every rank's terms, and what must become of them.
struct Terms {
  int stages, replicas;
  std::vector<std::vector<Matrix>> own,
      table;  // [stage][replica]; the table of stages without: empty

  bool has_table(int stage) const { return stage == 0 || stage == stages - 1; }
  Matrix over_dp(const std::vector<Matrix>& of_stage) const {
    Matrix sum = of_stage[0];
    for (int replica = 1; replica < replicas; ++replica)
      sum = plus(sum, of_stage[static_cast<size_t>(replica)]);
    return sum;
  }
  static Matrix plus(Matrix a, const Matrix& b) {
    for (size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
    return a;
  }
  Matrix own_sum(int stage) const { return over_dp(own[static_cast<size_t>(stage)]); }
  Matrix table_term(int stage) const { return over_dp(table[static_cast<size_t>(stage)]); }
  Matrix table_sum() const {
    return stages == 1 ? table_term(0) : plus(table_term(0), table_term(stages - 1));
  }
};

Terms terms_of(const Examiner& examiner, int stages, int replicas) {
  Terms terms{stages, replicas, {}, {}};
  for (int stage = 0; stage < stages; ++stage) {
    terms.own.emplace_back();
    terms.table.emplace_back();
    for (int replica = 0; replica < replicas; ++replica) {
      terms.own.back().push_back(
          examiner.random(1, 4 + stage, text("own ", stage, " ", replica), 1.3));
      if (terms.has_table(stage))
        terms.table.back().push_back(examiner.random(5, 3, text("table ", stage, " ", replica)));
    }
  }
  return terms;
}

double squares(const Matrix& matrix) { return dot(matrix, matrix); }

Suspect number(const std::string& diagnosis, double value) {
  Matrix wrong(1, 1);
  wrong(0, 0) = value;
  return Suspect::result(diagnosis, wrong);
}

std::vector<Suspect> wrong_norms(const Terms& terms, int stage) {
  double own = 0, terms_of_table = 0, roots = 0;
  for (int j = 0; j < terms.stages; ++j) {
    own += squares(terms.own_sum(j));
    if (terms.has_table(j)) terms_of_table += squares(terms.table_term(j));
    roots += std::sqrt(squares(terms.own_sum(j)) + (j == 0 ? squares(terms.table_sum()) : 0));
  }
  const double table = squares(terms.table_sum()), right = own + table;
  std::vector<Suspect> suspects{
      number("too large: the table was counted on both stages that have it",
             std::sqrt(own + 2 * table)),
      number("too small: the table was left out", std::sqrt(own)),
      number("of the table's two terms, each counted alone: count their sum, once",
             std::sqrt(own + terms_of_table)),
      number("the square of the norm: the root is missing", right),
      number("the sum of the stages' norms: take the root once, of the sum of all squares", roots),
      number(text("too large: the squares were summed over dp, too, where all ", terms.replicas,
                  " have the same"),
             std::sqrt(terms.replicas * right))};
  const double mine = squares(terms.own_sum(stage));
  for (const double of_table : {0.0, table}) {
    suspects.push_back(number("that of this stage alone: the squares were not summed over \"pp\"",
                              std::sqrt(mine + of_table)));
  }
  return suspects;
}

std::vector<Suspect> wrong_tables(const Terms& terms, int stage, int replica) {
  const Matrix sum = terms.table_sum(), term = terms.table_term(stage),
               mine = terms.table[static_cast<size_t>(stage)][static_cast<size_t>(replica)];
  std::vector<Suspect> suspects{
      Suspect::result("this stage's term alone: the other stage's was not added", term),
      Suspect::result(
          "the sum over the two stages, but not over dp",
          terms.stages == 1
              ? mine
              : Terms::plus(mine,
                            terms.table[static_cast<size_t>(stage == 0 ? terms.stages - 1 : 0)]
                                       [static_cast<size_t>(replica)])),
      Suspect::result("this rank's term alone: nothing was added to it", mine),
      Suspect::result("half of it: the mean of the two terms; it must be their sum",
                      scaled(sum, 0.5)),
      Suspect::result("twice the sum: the two terms were added up twice", scaled(sum, 2)),
      Suspect::result(text("the mean over dp: each term is of the whole batch's mean loss already"),
                      scaled(sum, 1.0 / terms.replicas))};
  return suspects;
}

void expect_sums(Examiner& examiner, Grid& grid, Communicator* with_table, const Terms& terms,
                 const std::string& layout) {
  const int stage = grid.coordinate("pp"), replica = grid.coordinate("dp");
  const auto of = [&](const auto& all) {
    return all[static_cast<size_t>(stage)][static_cast<size_t>(replica)];
  };
  StageGradients gradients{examiner.variable_vector(of(terms.own)), {}};
  if (terms.has_table(stage)) gradients.table = examiner.variable(of(terms.table));
  const Ledger before = examiner.ledger();
  const double norm = sum_gradients(grid, with_table, gradients);
  double right = squares(terms.table_sum());
  for (int j = 0; j < terms.stages; ++j) right += squares(terms.own_sum(j));
  const std::string of_table = "table's gradient on " + layout;
  if (terms.has_table(stage)) {
    examiner.expect(of_table, gradients.table, terms.table_sum(),
                    wrong_tables(terms, stage, replica), 1e-5);
  } else {
    examiner.expect(of_table, true, "");
  }
  std::vector<Suspect> wrong_own{
      Suspect::result("this rank's term alone: it was not summed over dp", of(terms.own))};
  examiner.expect("own gradient on " + layout, gradients.own.reshape({1, gradients.own.elements()}),
                  terms.own_sum(stage), wrong_own, 1e-5);
  examiner.expect("norm on " + layout, norm, std::sqrt(right), wrong_norms(terms, stage), 1e-5);
  if (terms.stages == 2 && terms.replicas == 2) {
    const int64_t table = 4 * 15, own = 4 * (4 + stage);
    examiner.expect_ledger("four all_reduces on " + layout, before,
                           {{Collective::all_reduce, 4, own + 2 * table + 4}});
  }
}

void expect_start(Examiner& examiner, Grid& grid, Communicator* with_table, const Terms& terms,
                  const std::string& layout) {
  const int stage = grid.coordinate("pp");
  const std::string name = "start of the table on " + layout;
  if (!terms.has_table(stage)) return examiner.expect(name, true, "");  // as many as others expect
  const Matrix first = examiner.random(5, 3, text("start of the first, ", layout)),
               last = examiner.random(5, 3, text("start of the last, ", layout));
  Tensor table = examiner.variable(stage == 0 ? first : last);
  start_alike(with_table, table);
  examiner.expect(name, table, first,
                  {Suspect::result("the last stage's: that is random, the first stage's is the "
                                   "model's",
                                   last),
                   Suspect::result("the sum of both", Terms::plus(first, last)),
                   Suspect::result("the mean of both", scaled(Terms::plus(first, last), 0.5))},
                  1e-6);
}

bool is_right_on(Examiner& examiner, Grid& grid) {
  const int stages = grid.size("pp"), replicas = grid.size("dp");
  const Terms terms = terms_of(examiner, stages, replicas);
  const int stage = grid.coordinate("pp");
  const std::string layout = text("pp ", stages, " × dp ", replicas);
  std::unique_ptr<Communicator> with_table;
  examiner.attempt("the group on " + layout, [&] {
    with_table = stages_with_table(grid);
    const bool expected = stages > 1 && terms.has_table(stage);
    const std::string found =
        with_table == nullptr ? "no group" : text("a group of ", with_table->size());
    examiner.expect(
        "group on " + layout,
        expected ? with_table != nullptr && with_table->size() == 2 : with_table == nullptr,
        text("stage ", stage, " of ", stages, " gets ", found, ", and not ",
             expected ? "the group of the first and the last stage of its pipeline" : "nullptr"));
  });
  if (!examiner.verdict()) return false;
  examiner.attempt("the start on " + layout,
                   [&] { expect_start(examiner, grid, with_table.get(), terms, layout); });
  examiner.attempt("the gradients on " + layout,
                   [&] { expect_sums(examiner, grid, with_table.get(), terms, layout); });
  return examiner.verdict();
}

}  // namespace

void examine(Examiner& examiner) {
  const int ranks = examiner.world().size();
  std::vector<std::unique_ptr<Grid>> grids;  // all before the first answer: they are collective
  for (int stages = ranks; stages >= 1; --stages) {
    if (ranks % stages == 0)
      grids.push_back(std::make_unique<Grid>(examiner.world(),
                                             AxisSizes{{"pp", stages}, {"dp", ranks / stages}}));
  }
  for (const auto& grid : grids)
    if (!is_right_on(examiner, *grid)) return;
}

}  // namespace shard
