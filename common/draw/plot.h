// Curves over a common horizontal axis, as a drawing in a picture.
#pragma once
#include <string>
#include <vector>

#include "common/draw/picture_page.h"

namespace shard {

/// 1, 2 or 5 times a power of ten, so that at most `parts` of them lie within `whole`: the distance
/// of an axis' marks.
double round_part(double whole, int parts);

/// A line through points, or the points.
struct Curve {
  std::string name;           // for the legend
  std::vector<Point> points;  // in the axes' units, from left to right
  bool dots = false;          // dots instead of a line
  bool faint = false;         // a thin, pale line: what another curve sums up
};

/// Several curves, and how they are shown.
struct Plot {
  std::string x_name, y_name;  // of the axes
  std::vector<Curve> curves;   // curve i in colour_of(i)
  bool logarithmic =
      false;  // the vertical axis; what is not above `least` stands at its foot, which is marked 0
  double least = 1e-9;          // of a logarithmic axis: a power of ten
  double limit = 0;             // where not 0: a dashed line at this height …
  std::string limit_name = "";  // … and what it is
  bool take_turns = false;  // curves in dashes, each in the spaces of the others: what lies on each
                            // other all shows

  /// Adds the plot, and a legend if there is more than one curve. Throws Error where there is no
  /// point, or one that is not finite.
  void add_to(PicturePage& page) const;
};

}  // namespace shard
