#include "common/comm/grid.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "common/base/counted.h"

namespace shard {
namespace {

std::vector<std::string> names_in(std::string_view order) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= order.size();) {
    const size_t end = std::min(order.find('-', begin), order.size());
    names.emplace_back(order.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

/// Of numbers that the user gave: of too many ranks the most that there can be.
int64_t product_of(const AxisSizes& sizes) {
  int64_t product = 1;
  for (const auto& [name, size] : sizes) {
    if (__builtin_mul_overflow(product, int64_t{size}, &product))
      return std::numeric_limits<int64_t>::max();
  }
  return product;
}

/// The user's sizes, which must make a grid of so many ranks.
const AxisSizes& fitting(const AxisSizes& sizes, std::string_view order, int ranks) {
  std::string product;
  bool positive = true;
  for (const std::string& name : names_in(order)) {
    const auto size = sizes.find(name);
    if (size == sizes.end()) continue;
    product += text(product.empty() ? "--" : " × --", name, " ", size->second);
    positive = positive && size->second > 0;
  }
  require_usage(positive && product_of(sizes) == ranks, product, " is a grid of ",
                counted(product_of(sizes), "rank"), ", but the program runs on ",
                counted(ranks, "rank"));
  return sizes;
}

}  // namespace

GridLayout::GridLayout(const AxisSizes& sizes, std::string_view order) {
  int64_t step = 1;
  for (const std::string& name : names_in(order)) {
    const auto size = sizes.find(name);
    axes_.push_back({name, size == sizes.end() ? 1 : size->second, static_cast<int>(step)});
    require(axes_.back().size > 0, "a grid's axis ", name, " has ", axes_.back().size, " ranks");
    step *= axes_.back().size;
    require(step <= std::numeric_limits<int>::max(), "a grid of ", step, " ranks is too large");
    const auto same = [&](const Axis& axis) { return axis.name == name; };
    require(!name.empty() && std::ranges::count_if(axes_, same) == 1, "the order \"", order,
            "\" does not name each axis once");
  }
  for (const auto& [name, size] : sizes) axis(name);
}

const GridLayout::Axis& GridLayout::axis(std::string_view name) const {
  const auto found = std::ranges::find(axes_, name, &Axis::name);
  require(found != axes_.end(), "the grid has no axis ", name);
  return *found;
}

int64_t GridLayout::ranks() const { return int64_t{axes_.back().step} * axes_.back().size; }

int GridLayout::size(std::string_view name) const { return axis(name).size; }

int GridLayout::coordinate(int rank, std::string_view name) const {
  return rank / axis(name).step % axis(name).size;
}

int GridLayout::rank_of(const AxisSizes& coordinates) const {
  int rank = 0;
  for (const auto& [name, at] : coordinates) {
    require(at >= 0 && at < axis(name).size, "the grid has no coordinate ", at, " on axis ", name,
            " of ", axis(name).size);
    rank += at * axis(name).step;
  }
  return rank;
}

int GridLayout::color(int rank, const Axes& axes) const {
  for (const Axis& each : axes_) {
    if (std::ranges::find(axes, each.name) != axes.end())
      rank -= rank / each.step % each.size * each.step;
  }
  return rank;
}

std::vector<int> GridLayout::group_of(int rank, const Axes& axes) const {
  std::vector<int> group{color(rank, axes)};
  for (const Axis& each : axes_) {  // the fastest first: what is added ascends
    if (std::ranges::find(axes, each.name) == axes.end()) continue;
    const size_t before = group.size();
    for (int at = 1; at < each.size; ++at)
      for (size_t i = 0; i < before; ++i) group.push_back(group[i] + at * each.step);
  }
  return group;
}

std::string GridLayout::name_of(const Axes& axes) const {
  require(!axes.empty(), "a group of a grid needs an axis");
  for (const std::string& name : axes) axis(name);
  std::string all;
  for (const Axis& each : axes_) {
    if (std::ranges::find(axes, each.name) != axes.end())
      all += (all.empty() ? "" : "-") + each.name;
  }
  return all;
}

Grid::Grid(Communicator& world, const AxisSizes& sizes, std::string_view order)
    : world_(world), layout_(fitting(sizes, order, world.size()), order) {
  for (const std::string& name : names_in(order))
    if (sizes.contains(name)) group({name});
}

Communicator& Grid::group(const Axes& axes) {
  const std::string name = layout_.name_of(axes);
  std::unique_ptr<Communicator>& group = groups_[name];
  if (group == nullptr) group = world_.split(layout_.color(world_.rank(), axes), name);
  return *group;
}

}  // namespace shard
