#include "exercises/10_tensor_and_data_parallel/2_gradient_norm.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "tests/exercises/examiner.h"

namespace shard {
namespace {

/// A gradient of the whole model and how its grid holds it. (As vectors: which elements a rank
/// holds does not matter.)
struct WholeGradient {
  Matrix values;  // [1 × elements]
  bool split_over_tp, split_over_dp;
};

std::vector<WholeGradient> make_gradients(const Examiner& examiner) {
  return {{examiner.random(1, 42, "matrix", 1.0), true, true},
          {examiner.random(1, 19, "norm", 1.7), false, true},
          {examiner.random(1, 7, "small bias of a column-parallel layer", 3.1), true, false},
          {examiner.random(1, 3, "small bias of a row-parallel layer", 4.3), false, false},
          {examiner.random(1, 2, "two elements", 2.2), false,
           true}};  // some dp ranks hold none of them
}

/// A rank's place in the grid.
struct Place {
  int tp_rank = 0, dp_rank = 0;
  bool operator==(const Place&) const = default;
};

Range held(const WholeGradient& gradient, int tp, int dp, Place at) {
  Range range{0, gradient.values.columns};
  if (gradient.split_over_tp) range = part_of(range.size(), tp, at.tp_rank);
  if (!gradient.split_over_dp) return range;
  const Range part = part_of(range.size(), dp, at.dp_rank);
  return {range.begin + part.begin, range.begin + part.end};
}

/// Which of the parts that it holds a rank adds.
using Counts = std::function<bool(const WholeGradient&, Place)>;

struct GridOfTest {
  const std::vector<WholeGradient>& gradients;
  int tp, dp;

  Place place_of(int rank) const {
    const GridLayout layout({{"tp", tp}, {"dp", dp}});
    return {layout.coordinate(rank, "tp"), layout.coordinate(rank, "dp")};
  }
  double squares(Place at, const Counts& counts) const {
    double sum = 0;
    for (const WholeGradient& gradient : gradients) {
      if (!counts(gradient, at)) continue;
      const Range range = held(gradient, tp, dp, at);
      for (int64_t i = range.begin; i < range.end; ++i)
        sum += gradient.values(0, i) * gradient.values(0, i);
    }
    return sum;
  }
  /// The norm that results if the ranks of `along` add the squares of what counts.
  double norm(const Counts& counts, const std::function<bool(Place)>& along) const {
    double sum = 0;
    for (int rank = 0; rank < tp * dp; ++rank) {
      if (along(place_of(rank))) sum += squares(place_of(rank), counts);
    }
    return std::sqrt(sum);
  }
};

bool once_over_tp(const WholeGradient& g, Place at) { return g.split_over_tp || at.tp_rank == 0; }
bool once_over_dp(const WholeGradient& g, Place at) { return g.split_over_dp || at.dp_rank == 0; }
bool once(const WholeGradient& g, Place at) { return once_over_tp(g, at) && once_over_dp(g, at); }
bool all_of_it(const WholeGradient&, Place) { return true; }

Suspect suspect(const std::string& diagnosis, double value) {
  Matrix wrong(1, 1);
  wrong(0, 0) = value;
  return Suspect::result(diagnosis, wrong);
}

/// Mistakes that give all ranks the same number: something is summed over all of them.
std::vector<Suspect> summed_wrongly(const GridOfTest& grid) {
  const auto norm = [&](const Counts& counts) {
    return grid.norm(counts, [](Place) { return true; });
  };
  double norms = 0;
  for (int rank = 0; rank < grid.tp * grid.dp; ++rank) {
    norms += std::sqrt(grid.squares(grid.place_of(rank), once));
  }
  return {
      suspect("the square of the norm: the root is missing", norm(once) * norm(once)),
      suspect(text("too large: gradients that all tp ranks hold were counted ", grid.tp, " times"),
              norm(once_over_dp)),
      suspect(text("too large: gradients that all dp ranks hold were counted ", grid.dp, " times"),
              norm(once_over_tp)),
      suspect(text("too large: every rank counted all it holds, what all tp ranks hold ", grid.tp,
                   " times, what all dp ranks hold ", grid.dp, " times"),
              norm(all_of_it)),
      suspect("the sum of the ranks' norms: take the root once, of the sum of all squares", norms),
      suspect("too small: only dp rank 0 counts, and where dp splits a gradient the other dp "
              "ranks' parts are left out",
              norm([](const WholeGradient& g, Place at) {
                return at.dp_rank == 0 && once_over_tp(g, at);
              })),
      suspect("too small: what is not split over both counts only on rank 0 of the world, but "
              "where tp or dp splits it, other ranks hold parts of it, too",
              norm([](const WholeGradient& g, Place at) {
                return (g.split_over_tp && g.split_over_dp) || at == Place{};
              })),
      suspect("too small: gradients that are not split over tp were left out on all ranks",
              norm([](const WholeGradient& g, Place at) {
                return g.split_over_tp && once_over_dp(g, at);
              })),
      suspect("too small: gradients that are not split over dp were left out on all ranks",
              norm([](const WholeGradient& g, Place at) {
                return g.split_over_dp && once_over_tp(g, at);
              }))};
}

/// Mistakes that leave the ranks with different numbers: the sum is over some of them only.
std::vector<Suspect> summed_over_some(const GridOfTest& grid, Place mine) {
  const auto my_tp = [=](Place at) { return at.dp_rank == mine.dp_rank; };
  const auto my_dp = [=](Place at) { return at.tp_rank == mine.tp_rank; };
  const auto me = [=](Place at) { return at == mine; };
  const std::string own = "the norm of this rank's own parts: nothing was summed over the ranks";
  const std::string tp =
      "the norm of what the ranks of this tp group hold: the squares were not summed over dp";
  const std::string dp =
      "the norm of what the ranks of this dp group hold: the squares were not summed over tp";
  return {suspect(own, grid.norm(once, me)),           suspect(own, grid.norm(all_of_it, me)),
          suspect(own, grid.norm(once_over_tp, me)),   suspect(own, grid.norm(once_over_dp, me)),
          suspect(tp, grid.norm(once, my_tp)),         suspect(tp, grid.norm(once_over_tp, my_tp)),
          suspect(tp, grid.norm(all_of_it, my_tp)),    suspect(dp, grid.norm(once, my_dp)),
          suspect(dp, grid.norm(once_over_dp, my_dp)), suspect(dp, grid.norm(all_of_it, my_dp))};
}

void expect_norm(Examiner& examiner, Grid& grid, const std::vector<WholeGradient>& gradients,
                 const std::string& of = "") {
  const int tp = grid.tp().size(), dp = grid.dp().size();
  const Place place{grid.coordinate("tp"), grid.coordinate("dp")};
  std::vector<HeldGradient> mine;
  double squares = 0;
  for (const WholeGradient& gradient : gradients) {
    const Range range = held(gradient, tp, dp, place);
    mine.push_back({examiner.vector(gradient.values, "gradient").slice(range),
                    gradient.split_over_tp, gradient.split_over_dp});
    squares += reference::dot(gradient.values, gradient.values);
  }
  const std::string layout = text("tp ", tp, " × dp ", dp, of);
  const Ledger before = examiner.ledger();
  const double norm = gradient_norm(grid, mine);
  const std::vector<std::string> norms = examiner.gather_text(examiner.world(), text(norm));
  const bool all_alike = std::ranges::count(norms, norms.front()) == std::ssize(norms);
  const GridOfTest of_test{gradients, tp, dp};
  examiner.expect("norm on " + layout, norm, std::sqrt(squares),
                  all_alike ? summed_wrongly(of_test) : summed_over_some(of_test, place), 1e-5);
  examiner.expect_ledger("one all_reduce of one number on " + layout, before,
                         {{Collective::all_reduce, 1, 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  const std::vector<WholeGradient> gradients = make_gradients(examiner);
  const int ranks = examiner.world().size();
  std::vector<std::unique_ptr<Grid>>
      grids;  // all before the first answer: making one is collective
  for (int tp = ranks; tp >= 1; --tp) {
    if (ranks % tp == 0)
      grids.push_back(
          std::make_unique<Grid>(examiner.world(), AxisSizes{{"tp", tp}, {"dp", ranks / tp}}));
  }
  for (const auto& grid : grids) {
    examiner.attempt(text("tp ", grid->tp().size(), " × dp ", grid->dp().size()),
                     [&] { expect_norm(examiner, *grid, gradients); });
  }
  // the other ranks cannot know that this one has none
  examiner.attempt("no gradients",
                   [&] { expect_norm(examiner, *grids.front(), {}, ", without gradients"); });
}

}  // namespace shard
