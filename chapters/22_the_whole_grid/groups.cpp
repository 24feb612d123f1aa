#include "chapters/22_the_whole_grid/groups.h"

#include <algorithm>

#include "chapters/22_the_whole_grid/gradient_table.h"
#include "common/base/counted.h"

namespace shard::chapter_22 {
namespace {

using Group = std::vector<int>;
constexpr int64_t most_ranks = 1 << 20;

/// All groups of a kind, by their first rank.
std::vector<Group> groups_along(const GridLayout& layout, const Axes& axes) {
  std::vector<Group> groups;
  for (int rank = 0; rank < layout.ranks(); ++rank)
    if (layout.color(rank, axes) == rank) groups.push_back(layout.group_of(rank, axes));
  return groups;
}

bool has_every_rank_once(const GridLayout& layout, const std::vector<Group>& groups) {
  std::vector<int> times(static_cast<size_t>(layout.ranks()));
  for (const Group& group : groups)
    for (int member : group) ++times[static_cast<size_t>(member)];
  return std::ranges::all_of(times, [](int count) { return count == 1; });
}

/// "0 1 2 … 7", "0 1 | 2 3 | …": as much as there is room for.
template <class Item, class Shown>
std::string some_of(const std::vector<Item>& all, size_t room, const char* between,
                    const Shown& shown) {
  std::string line;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i == room && i + 1 < all.size()) return line + between + "…";
    line += (i == 0 ? "" : between) + shown(all[i]);
  }
  return line;
}

std::string text_of(const std::vector<Group>& groups) {
  constexpr size_t of_group = 8, of_all = 16;
  const size_t ranks = std::min(groups.front().size(), of_group);
  return some_of(groups, of_all / ranks, " | ", [](const Group& group) {
    return some_of(group, of_group, " ", [](int rank) { return text(rank); });
  });
}

/// The first and the last stage of each pipeline.
std::vector<Group> ends_of_pipelines(const GridLayout& layout) {
  std::vector<Group> ends;
  for (const Group& group : groups_along(layout, {"pp"}))
    ends.push_back(group.size() == 1 ? group : Group{group.front(), group.back()});
  return ends;
}

bool meet_once(const GridLayout& layout, const Axes& a, const Axes& b) {
  for (int rank = 0; rank < layout.ranks(); ++rank) {
    Group both;
    std::ranges::set_intersection(layout.group_of(rank, a), layout.group_of(rank, b),
                                  std::back_inserter(both));
    if (both != Group{rank}) return false;
  }
  return true;
}

}  // namespace

GridLayout GridOfGroups::layout() const {
  int64_t ranks = 1;
  for (const auto& [name, size] : sizes) {
    ranks *= size;
    require_usage(ranks <= most_ranks, "--groups shows grids of at most ", most_ranks, " ranks");
  }
  std::string all_axes = order;  // a missing one of one rank changes nothing
  for (const auto& [name, size] : sizes)
    if (size == 1 && order.find(name) == std::string::npos) all_axes += "-" + name;
  try {
    GridLayout made(sizes, all_axes);
    made.fold({"cp", "dp"}, "ep", experts, "edp");
    return made;
  } catch (const Error& error) {
    throw UsageError(text("--order ", order, ", --ep ", experts, ": ", error.what()));
  }
}

void show_groups(Report& report, const GridOfGroups& grid) {
  const GridLayout layout = grid.layout();
  report.heading(
      text("The groups of ", counted(layout.ranks(), "rank"), " in the order ", grid.order));
  struct Row {
    Axes axes;
    const char* what;
  };
  const std::vector<Row> rows{{{"tp"}, "parts of activations, several times a block"},
                              {{"cp"}, "keys and values, in each attention"},
                              {{"pp"}, "activations, once a micro-batch and border"},
                              {{"dp"}, "gradients, where cp has one rank"},
                              {{"cp", "dp"}, "gradients, once a step"},
                              {{"ep"}, "tokens, twice a block of experts"},
                              {{"edp"}, "experts' gradients, once a step"},
                              {{"tp", "pp"}, "the parts of one model"}};
  Table table({"along", "groups of", "they exchange", "ranks"});
  bool every_rank_once = true;
  for (const auto& [axes, what] : rows) {
    const std::vector<Group> groups = groups_along(layout, axes);
    every_rank_once = every_rank_once && has_every_rank_once(layout, groups);
    table.row({layout.name_of(axes), text(groups.size(), " × ", groups.front().size()), what,
               text_of(groups)});
  }
  const std::vector<Group> ends = ends_of_pipelines(layout);
  table.row({"ends of pp", text(ends.size(), " × ", ends.front().size()),
             "the tied table's gradient", text_of(ends)});
  report.table(table);
  report.heading("Who sums which gradient, and who counts it in the norm");
  report.table(gradient_table_text());
  report.line("  Counted over an axis: each of its ranks has other elements. Over the others, the");
  report.line("  first rank counts for all. The norm is one sum over all ranks.");
  report.heading("Checks");
  report.check("in groups of each kind, every rank is once", every_rank_once);
  bool all_meet = true;
  const std::vector<std::string> axes{"tp", "cp", "pp", "dp", "ep", "edp"};
  for (const auto& [a, b] : std::vector<std::pair<int, int>>{
           {0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}, {0, 4}, {0, 5}, {2, 4}, {4, 5}})
    all_meet = all_meet &&
               meet_once(layout, {axes[static_cast<size_t>(a)]}, {axes[static_cast<size_t>(b)]});
  report.check("two groups along different axes meet in one rank", all_meet);
}

void check_published_groups(Report& report) {
  // NVIDIA/Megatron-LM, megatron/core/parallel_state.py, initialize_model_parallel
  const GridLayout megatron({{"tp", 2}, {"pp", 4}, {"dp", 2}}, "tp-dp-pp");
  using Groups = std::vector<Group>;
  report.check(
      "Megatron-LM's example: 16 GPUs, t 2, p 4, order tp-dp-pp",
      groups_along(megatron, {"dp"}) ==
              Groups{{0, 2}, {1, 3}, {4, 6}, {5, 7}, {8, 10}, {9, 11}, {12, 14}, {13, 15}} &&
          groups_along(megatron, {"tp"}) ==
              Groups{{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}, {10, 11}, {12, 13}, {14, 15}} &&
          groups_along(megatron, {"pp"}) ==
              Groups{{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15}});
  // Llama Team, arXiv:2407.21783, figure 5
  const GridLayout llama({{"tp", 2}, {"cp", 2}, {"pp", 2}, {"dp", 2}}, "tp-cp-pp-dp");
  report.check(
      "Llama 3's example: 16 GPUs, 2 along each axis, order tp-cp-pp-dp",
      llama.group_of(0, {"tp"}) == Group{0, 1} && llama.group_of(0, {"cp"}) == Group{0, 2} &&
          llama.group_of(0, {"pp"}) == Group{0, 4} && llama.group_of(0, {"dp"}) == Group{0, 8});
}

}  // namespace shard::chapter_22
