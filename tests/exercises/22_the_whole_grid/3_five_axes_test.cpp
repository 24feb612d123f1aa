// The same gradients on every grid of the ranks. A wrong norm is explained by the kind of parameter
// whose squares it has once too often, or too rarely, and the axis.
#include "exercises/22_the_whole_grid/3_five_axes.h"

#include <algorithm>
#include <cmath>

#include "tests/exercises/support.h"

namespace shard {
namespace {

/// A kind of parameter. Its element i is on each rank another random number, where the ranks hold
/// other elements, and the same one elsewhere.
struct Kind {
  std::string name;
  Axes others_along;
  bool is_expert;
  int64_t elements;
  double deviation;  // such that no square is small beside the others
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"a cut matrix", {"tp", "pp"}, false, 35, 1.0},
      {"a norm's gain", {"pp"}, false, 5, 2.9},
      {"the tied table", {"tp"}, false, 21, 1.3},
      {"a position table", {}, false, 11, 2.1},
      {"a matrix in ranges of a sharded optimizer", {"tp", "pp", "cp", "dp"}, false, 9, 1.9},
      {"a gain in ranges of a sharded optimizer", {"pp", "dp", "cp"}, false, 4, 3.7},
      {"an expert's matrix", {"ep", "tp", "pp"}, true, 27, 1.7},
      {"an expert's bias", {"ep", "pp"}, true, 3, 5.3},
      {"an expert in ranges of a sharded optimizer", {"pp", "edp", "ep"}, true, 6, 3.1}};
  return all;
}

Axes axes_of(const Kind& kind) {
  return kind.is_expert ? Axes{"tp", "pp", "ep", "edp"} : Axes{"tp", "pp", "cp", "dp"};
}
bool differs_along(const Kind& kind, const std::string& axis) {
  return std::ranges::count(kind.others_along, axis) > 0;
}

struct GridCase {
  AxisSizes sizes;
  int experts;
  std::string name() const {
    std::string all;
    for (const char* axis : {"tp", "cp", "pp", "dp"})
      if (sizes.contains(axis)) all += text(all.empty() ? "" : " × ", axis, " ", sizes.at(axis));
    return text(all, ", ep ", experts);
  }
};

std::vector<GridCase> grids_of(int ranks) {
  std::vector<GridCase> all;
  for (const char* axis : {"tp", "cp", "pp", "dp"}) all.push_back({{{axis, ranks}}, 1});
  all.push_back({{{"dp", ranks}}, ranks});
  if (ranks == 4) {
    all.push_back({{{"tp", 2}, {"pp", 2}}, 1});
    all.push_back({{{"cp", 2}, {"dp", 2}}, 2});
    all.push_back({{{"tp", 2}, {"dp", 2}}, 2});
    all.push_back({{{"pp", 2}, {"cp", 2}}, 2});
  }
  return all;
}

/// What a rank holds of a kind.
Matrix held(const Examiner& examiner, const Kind& kind, const GridLayout& layout, int rank) {
  std::string name = kind.name;
  for (const std::string& axis : axes_of(kind))
    if (differs_along(kind, axis)) name += text(" ", axis, " ", layout.coordinate(rank, axis));
  return examiner.random(1, kind.elements, name, kind.deviation);
}

/// Whether a rank adds a kind's squares: by default if no other rank has the same and a lower
/// number.
using Counts = std::function<bool(const Kind&, int rank)>;

struct Sums {
  const Examiner& examiner;
  const GridLayout& layout;

  bool is_first_along(const Kind& kind, int rank, const std::string& axis) const {
    return differs_along(kind, axis) || layout.coordinate(rank, axis) == 0;
  }
  bool once(const Kind& kind, int rank) const {
    return std::ranges::all_of(axes_of(kind), [&](const std::string& axis) {
      return is_first_along(kind, rank, axis);
    });
  }
  double squares(const Counts& counts, const std::vector<int>& ranks) const {
    double sum = 0;
    for (int rank : ranks) {
      for (const Kind& kind : kinds()) {
        if (!counts(kind, rank)) continue;
        const Matrix part = held(examiner, kind, layout, rank);
        sum += reference::dot(part, part);
      }
    }
    return sum;
  }
  std::vector<int> all() const {
    std::vector<int> ranks;
    for (int rank = 0; rank < layout.ranks(); ++rank) ranks.push_back(rank);
    return ranks;
  }
};

Suspect suspect(const std::string& diagnosis, double squares) {
  Matrix wrong(1, 1);
  wrong(0, 0) = std::sqrt(squares);
  return Suspect::result(diagnosis, wrong);
}

/// All ranks have the same wrong number.
std::vector<Suspect> summed_over_all(const Sums& sums) {
  const auto norm = [&](const std::string& diagnosis, const Counts& counts) {
    return suspect(diagnosis, sums.squares(counts, sums.all()));
  };
  const auto once = [&](const Kind& kind, int rank) { return sums.once(kind, rank); };
  std::vector<Suspect> suspects;
  const double right = sums.squares(once, sums.all());
  suspects.push_back(suspect("the square of the norm: the root is missing", right * right));
  suspects.push_back(
      norm("wrong in experts: they were counted by cp and dp, as if they had no axes "
           "of their own",
           [&](const Kind& kind, int rank) {
             Kind plain = kind;
             plain.is_expert = false;
             return sums.once(plain, rank);
           }));
  for (const std::string skipped : {"tp", "cp", "pp", "dp", "ep", "edp"}) {
    // the axis is not looked at: its ranks all count what they hold alike
    suspects.push_back(
        norm(text("too large: what the ranks along ", skipped, " hold alike is counted on each"),
             [&, skipped](const Kind& kind, int rank) {
               return std::ranges::all_of(axes_of(kind), [&](const std::string& axis) {
                 return axis == skipped || sums.is_first_along(kind, rank, axis);
               });
             }));
    // and always: they hold other elements, too
    suspects.push_back(norm(text("too small: only the first rank along ", skipped,
                                 " counts, also what the others hold other elements of"),
                            [&, skipped](const Kind& kind, int rank) {
                              const Axes axes = axes_of(kind);
                              return sums.once(kind, rank) &&
                                     (std::ranges::count(axes, skipped) == 0 ||
                                      sums.layout.coordinate(rank, skipped) == 0);
                            }));
  }
  suspects.push_back(norm("too small: experts were left out", [&](const Kind& kind, int rank) {
    return !kind.is_expert && sums.once(kind, rank);
  }));
  suspects.push_back(
      norm("too small: only rank 0 of the world counts what is not in parts along "
           "every axis",
           [&](const Kind& kind, int rank) {
             return rank == 0 || kind.others_along.size() == axes_of(kind).size();
           }));
  suspects.push_back(norm("too large: every rank counted all that it holds",
                          [](const Kind&, int) { return true; }));
  double norms = 0;
  for (int rank : sums.all()) norms += std::sqrt(sums.squares(once, {rank}));
  suspects.push_back(suspect(
      "the sum of the ranks' norms: take the root once, of the sum of all squares", norms * norms));
  return suspects;
}

/// The ranks have different numbers: the sum is over some of them.
std::vector<Suspect> summed_over_some(const Sums& sums, int rank) {
  std::vector<Suspect> suspects;
  const auto once = [&](const Kind& kind, int of) { return sums.once(kind, of); };
  for (const Counts& counts : {Counts(once), Counts([](const Kind&, int) { return true; })}) {
    suspects.push_back(suspect("the norm of this rank's own gradients: nothing was summed",
                               sums.squares(counts, {rank})));
    for (const Axes& axes : {Axes{"tp"}, Axes{"tp", "pp"}, Axes{"cp", "dp"}}) {
      suspects.push_back(suspect(text("summed over the ranks of ", sums.layout.name_of(axes),
                                      " only: the others hold other elements"),
                                 sums.squares(counts, sums.layout.group_of(rank, axes))));
    }
  }
  return suspects;
}

void expect_norm(Examiner& examiner, const GridCase& one, Grid& grid) {
  const Sums sums{examiner, grid.layout()};
  const int rank = examiner.world().rank();
  std::vector<SummedGradient> mine;
  for (const Kind& kind : kinds()) {
    mine.push_back({examiner.vector(held(examiner, kind, grid.layout(), rank), kind.name),
                    kind.others_along, kind.is_expert});
  }
  const Ledger before = examiner.ledger();
  const double norm = gradient_norm(grid, mine);
  const std::vector<std::string> norms = examiner.gather_text(examiner.world(), text(norm));
  const bool all_alike = std::ranges::count(norms, norms.front()) == std::ssize(norms);
  const double right =
      sums.squares([&](const Kind& kind, int of) { return sums.once(kind, of); }, sums.all());
  examiner.expect("norm on " + one.name(), norm, std::sqrt(right),
                  all_alike ? summed_over_all(sums) : summed_over_some(sums, rank), 1e-5);
  examiner.expect_ledger("one all_reduce of one number on " + one.name(), before,
                         {{Collective::all_reduce, 1, 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  std::vector<std::pair<GridCase, std::unique_ptr<Grid>>> grids;
  for (const GridCase& one : grids_of(examiner.world().size())) {  // all before the first answer
    auto grid = std::make_unique<Grid>(examiner.world(), one.sizes);
    grid->fold({"cp", "dp"}, "ep", one.experts, "edp");
    for (const char* axis : {"tp", "cp", "pp", "dp", "ep", "edp"}) grid->group({axis});
    grid->group({"tp", "pp"}), grid->data();
    grids.emplace_back(one, std::move(grid));
  }
  for (const auto& [one, grid] : grids)
    examiner.attempt(one.name(),
                     [&, &one = one, &grid = grid] { expect_norm(examiner, one, *grid); });
}

}  // namespace shard
