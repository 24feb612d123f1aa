#include "exercises/15_sharded_optimizer/2_norm_of_shards.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "tests/exercises/support.h"

namespace shard {
namespace {

/// A piece of the whole model's gradient, and the rank that holds it.
struct Held {
  int tp_rank, dp_rank;
  bool replicated;
  Matrix values;  // [1 × elements]
};

/// A bucket of every tp rank: a part of a matrix, of another length on each, then a replicated
/// vector, a second part and a second vector. It is cut over dp, so that the vectors' pieces lie in
/// other ranges on other tp ranks.
std::vector<Held> make_pieces(const Examiner& examiner, int tp, int dp) {
  const Matrix gain = examiner.random(1, 11, "gain", 1.9),
               bias = examiner.random(1, 6, "bias", 2.7);
  std::vector<Held> held;
  for (int tp_rank = 0; tp_rank < tp; ++tp_rank) {
    const Matrix first = examiner.random(1, 8 - 2 * tp_rank, text("first part ", tp_rank)),
                 second = examiner.random(1, 9 + tp_rank, text("second part ", tp_rank), 1.3);
    const Matrix* const bucket[] = {&first, &gain, &second, &bias};
    int64_t total = 0;
    for (const Matrix* parameter : bucket) total += parameter->columns;
    const int64_t per_rank = (total + dp - 1) / dp;
    for (int dp_rank = 0; dp_rank < dp; ++dp_rank) {
      int64_t begin = 0;
      for (const Matrix* parameter : bucket) {
        const Range range{std::max(begin, dp_rank * per_rank),
                          std::min(begin + parameter->columns, (dp_rank + 1) * per_rank)};
        if (range.begin < range.end)
          held.push_back({tp_rank, dp_rank, parameter == &gain || parameter == &bias,
                          columns_of(*parameter, Range{range.begin - begin, range.end - begin})});
        begin += parameter->columns;
      }
    }
  }
  return held;
}

using Counts = std::function<bool(const Held&)>;

double squares_of(const std::vector<Held>& all, const Counts& counts) {
  double sum = 0;
  for (const Held& piece : all)
    if (counts(piece)) sum += dot(piece.values, piece.values);
  return sum;
}

bool once(const Held& piece) { return !piece.replicated || piece.tp_rank == 0; }

Suspect suspect(const std::string& diagnosis, double value) {
  Matrix wrong(1, 1);
  wrong(0, 0) = value;
  return Suspect::result(diagnosis, wrong);
}

/// Wrong norms that are the same on all ranks.
std::vector<Suspect> same_everywhere(const std::vector<Held>& all, int tp, int dp) {
  const auto norm = [&](const Counts& counts) { return std::sqrt(squares_of(all, counts)); };
  double norms = 0;
  for (int rank = 0; rank < tp * dp; ++rank)
    norms += norm([&](const Held& piece) {
      return once(piece) && piece.tp_rank + tp * piece.dp_rank == rank;
    });
  const double right = norm(once);
  return {
      suspect("the square of the norm: the root is missing", right * right),
      suspect(text("too large: what is replicated was counted on all ", tp, " tp ranks"),
              norm([](const Held&) { return true; })),
      suspect("too small: what is replicated was left out",
              norm([](const Held& piece) { return !piece.replicated; })),
      suspect("too small: what is replicated was counted on dp rank 0 only, or on rank 0 of the "
              "world only, but every dp rank has pieces of its own",
              norm([](const Held& piece) {
                return !piece.replicated || (piece.tp_rank == 0 && piece.dp_rank == 0);
              })),
      suspect("too small: only dp rank 0 counted, but every dp rank has a range of its own",
              norm([](const Held& piece) { return once(piece) && piece.dp_rank == 0; })),
      suspect("the sum of the ranks' norms: take the root once, of the sum of all squares", norms),
      suspect(text("too small: the sum of squares was divided by ", tp * dp, " ranks"),
              right / std::sqrt(tp * dp))};
}

/// Wrong norms that differ between ranks.
std::vector<Suspect> only_some_ranks(const std::vector<Held>& all, int tp_rank, int dp_rank) {
  const std::string over_dp =
      "that of the ranges of this dp group: the squares were not summed over tp";
  const std::string over_tp = "that of this tp group's ranges: the squares were not summed over dp";
  const std::string own =
      "that of this rank's own ranges: they were not summed over all ranks of the grid (tp × dp)";
  std::vector<Suspect> suspects;
  for (const Counts& counts : {Counts(once), Counts([](const Held&) { return true; })}) {
    const auto norm = [&](bool same_tp, bool same_dp) {
      return std::sqrt(squares_of(all, [&](const Held& piece) {
        return counts(piece) && (!same_tp || piece.tp_rank == tp_rank) &&
               (!same_dp || piece.dp_rank == dp_rank);
      }));
    };
    suspects.push_back(suspect(own, norm(true, true)));
    suspects.push_back(suspect(over_dp, norm(true, false)));
    suspects.push_back(suspect(over_tp, norm(false, true)));
  }
  return suspects;
}

/// The numbers of all pieces of one kind, and a 1 behind them, as a rank may have none.
Matrix joined(const std::vector<Matrix>& pieces) {
  Matrix all(1, 0);
  for (const Matrix& piece : pieces) all = side_by_side(all, piece);
  Matrix one(1, 1);
  one(0, 0) = 1;
  return side_by_side(all, one);
}

/// How a rank's pieces of one kind, `before`, should and should not be multiplied.
void expect_multiplied(Examiner& examiner, const std::string& name, const std::vector<Matrix>& got,
                       const std::vector<Matrix>& before, double norm, double limit,
                       bool is_counted) {
  const auto times = [&](double factor) {
    std::vector<Matrix> all;
    for (const Matrix& piece : before) all.push_back(scaled(piece, factor));
    return joined(all);
  };
  const Suspect above_1 = Suspect::result(
      "multiplied by limit / norm, which is above 1: a norm within the limit leaves gradients as "
      "they are",
      times(limit / norm));
  const Suspect unchanged =
      Suspect::result(is_counted ? "what they were: they must be multiplied by limit / norm"
                                 : "what they were: replicated pieces are multiplied on every tp "
                                   "rank, whichever counts them",
                      times(1));
  const Suspect by_norm =
      Suspect::result("divided by the norm, without the limit", times(1 / norm));
  examiner.expect(name, reference::to_tensor(examiner.backend(), joined(got)),
                  times(std::min(1.0, limit / norm)),
                  norm <= limit ? std::vector<Suspect>{above_1}
                                : std::vector<Suspect>{unchanged, by_norm},
                  1e-5);
}

void expect_clipped(Examiner& examiner, Grid& grid, const std::vector<Held>& all, double share,
                    const std::string& of) {
  const int tp = grid.tp().size(), dp = grid.dp().size(), tp_rank = grid.coordinate("tp"),
            dp_rank = grid.coordinate("dp");
  const double norm = std::sqrt(squares_of(all, once)), limit = share * norm;
  std::vector<GradientPiece> mine;
  std::vector<Matrix> before_cut, before_replicated;
  for (const Held& piece : all) {
    if (piece.tp_rank != tp_rank || piece.dp_rank != dp_rank) continue;
    mine.push_back({examiner.variable_vector(piece.values), piece.replicated});
    (piece.replicated ? before_replicated : before_cut).push_back(piece.values);
  }
  const std::string layout = text("tp ", tp, " × dp ", dp, of);
  const Ledger before = examiner.ledger();
  const double got = clip_shards(grid, mine, limit);
  const std::vector<std::string> norms = examiner.gather_text(examiner.world(), text(got));
  const bool all_alike = std::ranges::count(norms, norms.front()) == std::ssize(norms);
  examiner.expect("norm on " + layout, got, norm,
                  all_alike ? same_everywhere(all, tp, dp) : only_some_ranks(all, tp_rank, dp_rank),
                  1e-5);
  examiner.expect_ledger("one all_reduce of one number on " + layout, before,
                         {{Collective::all_reduce, 1, 4}});
  if (!examiner.verdict()) return;  // the pieces are multiplied by what follows from the norm
  std::vector<Matrix> cut, replicated;
  for (const GradientPiece& piece : mine)
    (piece.replicated ? replicated : cut)
        .push_back(Matrix(piece.gradient.reshape({1, piece.gradient.elements()})));
  expect_multiplied(examiner, "gradient of the cut pieces on " + layout, cut, before_cut, norm,
                    limit, true);
  expect_multiplied(examiner, "gradient of the replicated pieces on " + layout, replicated,
                    before_replicated, norm, limit, tp_rank == 0);
}

}  // namespace

void examine(Examiner& examiner) {
  const int ranks = examiner.world().size();
  std::vector<std::unique_ptr<Grid>> grids;  // all before the first answer: they are collective
  for (int tp = ranks; tp >= 1; --tp) {
    if (ranks % tp == 0)
      grids.push_back(
          std::make_unique<Grid>(examiner.world(), AxisSizes{{"tp", tp}, {"dp", ranks / tp}}));
  }
  for (const auto& grid : grids) {
    const int tp = grid->tp().size(), dp = grid->dp().size();
    const std::vector<Held> all = make_pieces(examiner, tp, dp);
    examiner.attempt(text("tp ", tp, " × dp ", dp), [&] {
      expect_clipped(examiner, *grid, all, 0.3, "");
      expect_clipped(examiner, *grid, all, 1.7, ", within the limit");
    });
  }
  // pieces on one rank only: the others still take part
  const std::vector<Held> single{{0, 0, true, examiner.random(1, 5, "single")}};
  examiner.attempt("a piece on one rank", [&] {
    expect_clipped(examiner, *grids.back(), single, 0.5, ", with a piece on one rank only");
  });
}

}  // namespace shard
