// Curves over a common horizontal axis, as a drawing in a picture.
#pragma once
#include <string>
#include <vector>

#include "common/draw/picture_page.h"

namespace shard {

/// The distance of an axis' marks: 1, 2 or 5 times a power of ten, such that `whole` contains at
/// most `parts` of them.
double round_part(double whole, int parts);

/// A line through points, or the points.
struct Curve {
  std::string name;           // for the legend
  std::vector<Point> points;  // in the axes' units, from left to right
  bool dots = false;          // dots instead of a line
  bool faint = false;         // a thin, pale line, for data that another curve summarises
};

/// Several curves in one coordinate system.
struct Plot {
  std::string x_name, y_name;  // of the axes
  std::vector<Curve> curves;   // curve i has colour_of(i)
  /// Of the vertical axis; values that are not above `least` are drawn at its lower end, marked 0.
  bool logarithmic = false;
  double least = 1e-9;          // of a logarithmic axis: a power of ten
  double limit = 0;             // if not 0: a dashed line at this height …
  std::string limit_name = "";  // … and its name
  /// Curves are dashed, each in the gaps of the others, so that coinciding curves stay visible.
  bool take_turns = false;

  /// Adds the plot, and a legend if there is more than one curve. Throws Error if there is no
  /// point, or one that is not finite.
  void add_to(PicturePage& page) const;
};

}  // namespace shard
