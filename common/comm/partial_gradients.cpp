#include "common/comm/partial_gradients.h"

#include <algorithm>
#include <sstream>

#include "common/tensor/ops.h"

namespace shard {
namespace {

/// The axes over which the gradient must be summed here, in the grid's order ("tp-cp"); empty if
/// there are none of more than one rank.
std::string open_axes(const Grid& grid, const Parameter& parameter, const Axes& except) {
  Axes axes = parameter.partial_over;
  std::erase_if(axes, [&](const std::string& axis) {
    return std::ranges::find(except, axis) != except.end() || grid.size(axis) == 1;
  });
  return axes.empty() ? "" : grid.layout().name_of(axes);
}

/// Ranks that sum something: along these axes, those of the world that hold it.
struct Summands {
  std::string axes;
  std::vector<bool> holders;  // by rank
  auto operator<=>(const Summands&) const = default;
};

/// All parameters of all ranks that are to be summed, by who does it. The same on every rank.
std::map<Summands, std::vector<std::string>> names_by_summands(Communicator& world,
                                                               const std::string& mine) {
  std::map<std::pair<std::string, std::string>, std::vector<bool>> holders;  // of axes and name
  const std::vector<std::string> all = world.gather_text(mine);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    std::istringstream lines(all[rank]);
    for (std::string axes, name; std::getline(lines, axes) && std::getline(lines, name);) {
      std::vector<bool>& of_name = holders[{axes, name}];
      of_name.resize(all.size());
      of_name[rank] = true;
    }
  }
  std::map<Summands, std::vector<std::string>> names;
  for (const auto& [key, of_name] : holders) names[{key.first, of_name}].push_back(key.second);
  return names;
}

Axes axes_in(const std::string& name) {
  Axes axes;
  std::istringstream parts(name);
  for (std::string axis; std::getline(parts, axis, '-');) axes.push_back(axis);
  return axes;
}

}  // namespace

PartialGradients::PartialGradients(Grid& grid, const Parameters& parameters, const Axes& except) {
  Communicator& world = grid.world();
  std::map<std::string, Parameter*> mine;
  std::string lines;
  for (Parameter* parameter : parameters) {
    const std::string axes = open_axes(grid, *parameter, except);
    if (axes.empty()) continue;
    mine[parameter->name] = parameter;
    lines += text(axes, "\n", parameter->name, "\n");
  }
  for (const auto& [summands, names] : names_by_summands(world, lines)) {
    const Axes axes = axes_in(summands.axes);
    const bool holds = summands.holders[static_cast<size_t>(world.rank())];
    Communicator* group = nullptr;
    if (std::ranges::count(summands.holders, false) == 0) {
      group = &grid.group(axes);
    } else {
      const int color = holds ? grid.layout().color(world.rank(), axes) : Communicator::no_group;
      groups_.push_back(world.split(color, summands.axes));
      group = groups_.back().get();
    }
    if (!holds) continue;
    Sum& sum = sums_.emplace_back(Sum{.group = group, .parameters = {}, .flat = {}});
    int64_t elements = 0;
    for (const std::string& name : names) {
      sum.parameters.push_back(mine.at(name));
      elements += mine.at(name)->gradient.elements();
    }
    if (names.size() > 1) sum.flat = Tensor::zeros(world.backend(), {elements});
  }
}

void PartialGradients::sum() {
  for (auto& [group, parameters, flat] : sums_) {
    if (parameters.size() == 1) {
      group->all_reduce(PartialSum(parameters[0]->gradient));
      continue;
    }
    std::vector<Tensor> places;  // of the gradients, in `flat`
    int64_t begin = 0;
    for (const Parameter* parameter : parameters) {
      const Tensor& gradient = parameter->gradient;
      const int64_t end = begin + gradient.elements();
      places.push_back(flat.slice({begin, end}).reshape(gradient.shape()));
      copy(places.back(), gradient);
      begin = end;
    }
    group->all_reduce(PartialSum(flat));
    for (size_t i = 0; i < places.size(); ++i) copy(parameters[i]->gradient, places[i]);
  }
}

}  // namespace shard
