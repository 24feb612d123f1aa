// Gradients of 48 ranks that exist on paper only. They are summed along the axes that the answer
// names, and put together; whole numbers, so that every sum is exact.
#include "exercises/22_the_whole_grid/2_who_sums_what.h"

#include <algorithm>

#include "common/comm/grid.h"
#include "tests/exercises/answers.h"

namespace shard {
namespace {

struct Case {
  std::string name;
  ParameterFacts facts;
  Axes terms, terms_with_own_rows;  // right: the axes along which ranks have other terms
  Axes parts;                       // … and along which they have other elements
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"the weight of Q, K and V", {.is_cut = true}, {"cp", "dp"}, {}, {"tp", "pp"}},
      {"a norm's gain", {.is_between_sums = true}, {"cp", "dp"}, {"tp"}, {"pp"}},
      {"the projection's bias", {.is_between_sums = true}, {"cp", "dp"}, {"tp"}, {"pp"}},
      {"a gain that sees all rows", {}, {"cp", "dp"}, {}, {"pp"}},
      {"the tied table", {.is_cut = true, .is_tied_table = true}, {"cp", "dp", "pp"}, {}, {"tp"}},
      {"a router", {.is_between_sums = true}, {"cp", "dp"}, {"tp"}, {"pp"}},
      {"an expert's matrix", {.is_cut = true, .is_expert = true}, {"edp"}, {}, {"tp", "pp", "ep"}},
      {"an expert that is not cut", {.is_expert = true}, {"edp"}, {}, {"pp", "ep"}}};
  return all;
}

/// tp 2 × cp 3 × pp 2 × dp 4, with 6 ep ranks and so 2 of edp.
const GridLayout& layout() {
  static const GridLayout made = [] {
    GridLayout grid({{"tp", 2}, {"cp", 3}, {"pp", 2}, {"dp", 4}});
    grid.fold({"cp", "dp"}, "ep", 6, "edp");
    return grid;
  }();
  return made;
}

constexpr int64_t elements = 3;  // of a part

/// What a rank has after the backward pass: a function of its places where ranks have other terms
/// or other elements, and of nothing else.
Matrix term(const Examiner& examiner, const Case& one, bool sequence_parallel, int rank) {
  std::string name = one.name;
  Axes axes = one.terms;
  if (sequence_parallel)
    axes.insert(axes.end(), one.terms_with_own_rows.begin(), one.terms_with_own_rows.end());
  for (const Axes& list : {axes, one.parts})
    for (const std::string& axis : list) name += text(" ", axis, layout().coordinate(rank, axis));
  return examiner.random_integers(1, elements, name, 90);
}

/// After the sums along `axes`: the gradient that each rank has, which puts the whole one together.
std::vector<double> summed(const Examiner& examiner, const Case& one, bool sequence_parallel,
                           const Axes& axes) {
  std::vector<Matrix> terms;
  for (int rank = 0; rank < layout().ranks(); ++rank)
    terms.push_back(term(examiner, one, sequence_parallel, rank));
  std::vector<double> all;
  for (int rank = 0; rank < layout().ranks(); ++rank) {
    const std::vector<int> group =
        axes.empty() ? std::vector<int>{rank} : layout().group_of(rank, axes);
    for (int64_t i = 0; i < elements; ++i) {
      double sum = 0;
      for (int member : group) sum += terms[static_cast<size_t>(member)](0, i);
      all.push_back(sum);
    }
  }
  return all;
}

/// What is wrong with a list of axes as such; "" for nothing.
std::string no_list_of_axes(const Axes& axes) {
  for (const std::string& axis : axes) {
    if (!layout().has(axis)) return text("names an axis \"", axis, "\", which the grid has not");
    if (std::ranges::count(axes, axis) > 1) return text("names ", axis, " twice");
  }
  const auto names = [&](const char* axis) { return std::ranges::count(axes, axis) > 0; };
  if ((names("edp") || names("ep")) && (names("cp") || names("dp")))
    return "names edp or ep beside cp or dp: they are the same ranks";
  return "";
}

void expect_axes(Examiner& examiner, const Case& one, bool sequence_parallel) {
  const std::string name = text(one.name, sequence_parallel ? ", with sequence parallelism" : "");
  const Axes got = summed_over(one.facts, sequence_parallel);
  const std::string no_list = no_list_of_axes(got);
  examiner.expect("axes of " + name, no_list.empty(), "your answer for " + name + " " + no_list);
  if (!no_list.empty()) return;
  const auto sum = [&](const Axes& axes) { return summed(examiner, one, sequence_parallel, axes); };
  Axes right = one.terms;
  if (sequence_parallel)
    right.insert(right.end(), one.terms_with_own_rows.begin(), one.terms_with_own_rows.end());
  using Answer = std::vector<double>;
  std::vector<KnownWrong<Answer>> known;
  for (const std::string& axis : right) {
    Axes fewer = right;
    std::erase(fewer, axis);
    known.push_back(
        {text("not summed over ", axis, ": each of its ranks has a term only"), sum(fewer)});
  }
  for (const std::string axis : {"tp", "cp", "pp", "dp", "ep", "edp"}) {
    Axes more = right;
    more.push_back(axis);
    if (std::ranges::count(right, axis) > 0 || !no_list_of_axes(more).empty()) continue;
    const bool parts = std::ranges::count(one.parts, axis) > 0;
    known.push_back({parts ? text("summed over ", axis, ", whose ranks have other elements")
                           : text("summed over ", axis, ", whose ranks all have the same: ",
                                  layout().size(axis), " times too large"),
                     sum(more)});
  }
  if (!one.facts.is_expert)
    known.push_back({"summed over edp, which is a part of cp × dp for experts", sum({"edp"})});
  known.push_back({"not summed at all", sum({})});
  known.push_back({"summed over all ranks", sum({"tp", "cp", "pp", "dp"})});
  std::string axes;
  for (const std::string& axis : got) axes += (axes.empty() ? "" : ", ") + axis;
  expect_answer<Answer>(examiner, "gradient of " + name, sum(got), sum(right), known,
                        text("the gradient of ", name, ", summed over {", axes,
                             "}, is not that of the whole batch"));
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("all kinds of parameters", [&] {
    for (const bool sequence_parallel : {false, true})
      for (const Case& one : cases()) expect_axes(examiner, one, sequence_parallel);
  });
}

}  // namespace shard
