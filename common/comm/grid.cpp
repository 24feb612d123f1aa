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

// ---- Folds --------------------------------------------------------------------------------------

static int ranks_along(const GridLayout& layout, const Axes& axes) {
  int ranks = 1;
  for (const std::string& name : axes) ranks *= layout.size(name);
  return ranks;
}

void GridLayout::fold(const Axes& axes, const std::string& first, int size,
                      const std::string& second) {
  for (const std::string& name : axes) axis(name);
  const int ranks = ranks_along(*this, axes);
  require(size > 0 && ranks % size == 0, "axis ", first, " of ", counted(size, "rank"),
          " does not divide the ", counted(ranks, "rank"), " of ", name_of(axes));
  for (const std::string& name : {first, second}) {
    const bool is_new =
        digit(name) == nullptr && std::ranges::find(axes_, name, &Axis::name) == axes_.end();
    require(is_new && first != second, "the grid has an axis ", name, " already");
  }
  digits_.push_back({first, size, 1, axes});
  digits_.push_back({second, ranks / size, size, axes});
}

const GridLayout::Digit* GridLayout::digit(std::string_view name) const {
  const auto found = std::ranges::find(digits_, name, &Digit::name);
  return found == digits_.end() ? nullptr : &*found;
}

/// The number of `rank` among those that differ in these axes only: the fastest axis counts least.
int GridLayout::number_in(int rank, const Axes& axes) const {
  int number = 0, step = 1;
  for (const Axis& each : axes_) {
    if (std::ranges::find(axes, each.name) == axes.end()) continue;
    number += step * (rank / each.step % each.size);
    step *= each.size;
  }
  return number;
}

/// The rank of another number among them.
int GridLayout::with_number(int rank, const Axes& axes, int number) const {
  for (const Axis& each : axes_) {
    if (std::ranges::find(axes, each.name) == axes.end()) continue;
    rank += (number % each.size - rank / each.step % each.size) * each.step;
    number /= each.size;
  }
  return rank;
}

/// No axis beside one that it is folded into.
void GridLayout::check_apart(const Axes& axes) const {
  for (const std::string& name : axes) {
    const Digit* folded = digit(name);
    if (folded == nullptr) {
      axis(name);
      continue;
    }
    for (const std::string& other : axes) {
      require(std::ranges::find(folded->of, other) == folded->of.end(), "axis ", name,
              " of the grid is a part of ", name_of(folded->of), ", and not used beside ", other);
    }
  }
}

// ---- Places and groups --------------------------------------------------------------------------

int64_t GridLayout::ranks() const { return int64_t{axes_.back().step} * axes_.back().size; }

bool GridLayout::has(std::string_view name) const {
  return digit(name) != nullptr || std::ranges::find(axes_, name, &Axis::name) != axes_.end();
}

int GridLayout::size(std::string_view name) const {
  const Digit* folded = digit(name);
  return folded != nullptr ? folded->size : axis(name).size;
}

int GridLayout::coordinate(int rank, std::string_view name) const {
  if (const Digit* folded = digit(name))
    return number_in(rank, folded->of) / folded->step % folded->size;
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
  for (const Digit& each : digits_) {
    if (std::ranges::find(axes, each.name) == axes.end()) continue;
    const int number = number_in(rank, each.of);
    rank = with_number(rank, each.of, number - number / each.step % each.size * each.step);
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
  for (const Digit& each : digits_) {
    if (std::ranges::find(axes, each.name) == axes.end()) continue;
    const size_t before = group.size();
    for (int at = 1; at < each.size; ++at)
      for (size_t i = 0; i < before; ++i)
        group.push_back(
            with_number(group[i], each.of, number_in(group[i], each.of) + at * each.step));
  }
  std::ranges::sort(group);
  return group;
}

std::string GridLayout::name_of(const Axes& axes) const {
  require(!axes.empty(), "a group of a grid needs an axis");
  check_apart(axes);
  std::string all;
  const auto add = [&](const auto& each) {
    if (std::ranges::find(axes, each.name) != axes.end())
      all += (all.empty() ? "" : "-") + each.name;
  };
  std::ranges::for_each(axes_, add);
  std::ranges::for_each(digits_, add);
  return all;
}

Grid::Grid(Communicator& world, const AxisSizes& sizes, std::string_view order)
    : world_(world), layout_(fitting(sizes, order, world.size()), order) {
  for (const std::string& name : names_in(order))
    if (sizes.contains(name)) group({name});
}

void Grid::fold(const Axes& axes, const std::string& first, int size, const std::string& second) {
  const int ranks = ranks_along(layout_, axes);
  require_usage(size > 0 && ranks % size == 0, "--", first, " ", size, " does not divide the ",
                counted(ranks, "rank"), " of ", layout_.name_of(axes));
  layout_.fold(axes, first, size, second);
}

const Axes& Grid::data_axes() {
  static const Axes axes{"cp", "dp"};
  return axes;
}

Communicator& Grid::group(const Axes& axes) {
  const std::string name = layout_.name_of(axes);
  std::unique_ptr<Communicator>& group = groups_[name];
  if (group == nullptr) group = world_.split(layout_.color(world_.rank(), axes), name);
  return *group;
}

}  // namespace shard
