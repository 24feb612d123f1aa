// The ranks as a grid of named axes, such as tensor-parallel × data-parallel, and the groups of
// ranks along them.
#pragma once
#include <map>
#include <memory>

#include "common/comm/communicator.h"

namespace shard {

/// How many ranks each axis has, by its name; 1 for an axis that is not named.
using AxisSizes = std::map<std::string, int, std::less<>>;
/// Names of axes, in any order.
using Axes = std::vector<std::string>;

/// The arithmetic of a grid: which rank has which place, and who is in which group. A rank's number
/// is made of its coordinates as of digits, those of the order's first axis being the lowest. By
/// default that is tp: a tp group communicates most, so it has neighbouring ranks and stays within
/// a node (Narayanan et al., arXiv:2104.04473, section 3; the order string is Megatron-LM's).
class GridLayout {
 public:
  static constexpr const char* default_order = "tp-cp-pp-dp";

  /// `order` names every axis once, the fastest first. Throws Error for an order that names one
  /// twice or leaves one out, and for sizes that are not positive.
  explicit GridLayout(const AxisSizes& sizes, std::string_view order = default_order);

  /// Cuts the ranks along `axes`, taken together, in another way: a rank's number among those that
  /// differ in these axes only becomes two coordinates, on axis `first` of `size` ranks, the faster
  /// one, and on axis `second` of the others. Both are used as any axis is, but not beside `axes`.
  /// So experts are spread over the data-parallel ranks: fold({"cp", "dp"}, "ep", e, "edp"). Throws
  /// Error unless the size divides the number of these ranks.
  void fold(const Axes& axes, const std::string& first, int size, const std::string& second);

  int64_t ranks() const;                  // the product of all sizes
  bool has(std::string_view axis) const;  // of the order, or of a fold
  int size(std::string_view axis) const;  // Throws Error where there is no such axis
  int coordinate(int rank, std::string_view axis) const;  // of that rank: 0 … size(axis)-1
  /// The rank at a place: a coordinate for each axis, 0 where it is not named. Throws Error for one
  /// that is not in the grid.
  int rank_of(const AxisSizes& coordinates) const;
  /// The ranks that differ from `rank` in these axes only, itself included, in ascending order.
  std::vector<int> group_of(int rank, const Axes& axes) const;
  /// What tells the groups of these axes apart: the lowest rank of the one in which `rank` is.
  int color(int rank, const Axes& axes) const;
  /// The axes in the grid's order, each once: "tp-cp". Throws Error for none, and where there is no
  /// such axis.
  std::string name_of(const Axes& axes) const;

 private:
  struct Axis {
    std::string name;
    int size, step;  // how many ranks; how far apart two neighbours' numbers are
  };
  /// One of the two axes of a fold: of the number, the digit number / step % size.
  struct Digit {
    std::string name;
    int size, step;
    Axes of;  // the axes that are folded
  };
  const Axis& axis(std::string_view name) const;
  const Digit* digit(std::string_view name) const;  // nullptr for an axis of the order
  int number_in(int rank, const Axes& axes) const;
  int with_number(int rank, const Axes& axes, int number) const;
  void check_apart(const Axes& axes) const;

  std::vector<Axis> axes_;     // the fastest first
  std::vector<Digit> digits_;  // of folds
};

/// This rank's groups in a grid of all ranks of `world`.
class Grid {
 public:
  /// Makes the groups along each axis that `sizes` names. Collective. Throws UsageError unless the
  /// sizes are positive and their product is the number of ranks.
  Grid(Communicator& world, const AxisSizes& sizes,
       std::string_view order = GridLayout::default_order);
  Grid(const Grid&) = delete;

  /// The ranks that differ from this one in these axes only, in the order of their numbers, as a
  /// group of the name "tp-cp". Collective over all ranks when it is asked for the first time.
  Communicator& group(const Axes& axes);
  Communicator& tp() { return group({"tp"}); }  // the ranks that share one replica of a layer
  Communicator& dp() { return group({"dp"}); }  // those that hold the same part of each replica
  Communicator& world() { return world_; }      // all ranks
  /// The ranks that compute the gradients of different tokens of the batch: those that differ in
  /// data_axes, as context-parallel ranks (chapter 20) do. dp() where the axis "cp" has one rank.
  Communicator& data() { return size("cp") == 1 ? dp() : group(data_axes()); }
  static const Axes& data_axes();  // "cp" and "dp"

  /// As GridLayout's. Throws UsageError for a size that does not divide the ranks.
  void fold(const Axes& axes, const std::string& first, int size, const std::string& second);

  const GridLayout& layout() const { return layout_; }
  int size(std::string_view axis) const { return layout_.size(axis); }
  /// This rank's place on an axis.
  int coordinate(std::string_view axis) const { return layout_.coordinate(world_.rank(), axis); }

 private:
  Communicator& world_;
  GridLayout layout_;
  std::map<std::string, std::unique_ptr<Communicator>> groups_;  // by name
};

}  // namespace shard
