#include "common/draw/plot.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/base/format.h"

namespace shard {

double round_part(double whole, int parts) {
  require(whole > 0 && std::isfinite(whole), "an axis of length ", whole, " cannot be drawn");
  const double power = std::pow(10, std::floor(std::log10(whole / parts)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power * parts >= whole) return factor * power;
  }
  return 10 * power;
}

namespace {

constexpr Box area{58, 30, 450, 230};  // of the curves, within the drawing
constexpr double below = 46;           // for the horizontal axis

struct Axis {
  double low = INFINITY, high = -INFINITY;
  void include(double value) {
    require(std::isfinite(value), "a curve cannot be drawn through ", value);
    low = std::min(low, value), high = std::max(high, value);
  }
  void widen() {  // a single value is in the middle
    if (high <= low) low -= 0.5, high += 0.5;
  }
  double place(double value) const { return (value - low) / (high - low); }
};

struct Frame {
  Axis x, y;
  Point corner;  // upper left, of the area
  double x_of(double value) const { return corner.x + x.place(value) * area.width; }
  double y_of(double height) const { return corner.y + (1 - y.place(height)) * area.height; }
};

/// The logarithm of the value, if the axis is logarithmic.
double height_of(const Plot& plot, double value) {
  return plot.logarithmic ? std::log10(std::max(value, plot.least)) : value;
}

/// The distance of the marks on the vertical axis.
double step_of(const Plot& plot, const Axis& y) {
  const double length = y.high - y.low;
  return plot.logarithmic ? std::max(1.0, std::ceil(length / 6)) : round_part(length, 6);
}

/// The axes include all points and end at marks.
Frame frame_of(const Plot& plot, Point at) {
  Frame frame{{}, {}, {at.x + area.x, at.y + area.y}};
  for (const Curve& curve : plot.curves) {
    for (const Point& point : curve.points) {
      require(std::isfinite(point.y), "a curve cannot be drawn through ", point.y);
      frame.x.include(point.x);
      frame.y.include(height_of(plot, point.y));
    }
  }
  require(frame.x.high >= frame.x.low, "a plot without a point cannot be drawn");
  if (plot.limit > 0) frame.y.include(height_of(plot, plot.limit));
  frame.x.widen();
  frame.y.widen();
  const double step = step_of(plot, frame.y);
  frame.y.low = std::floor(frame.y.low / step + 1e-6) * step;
  frame.y.high = std::ceil(frame.y.high / step - 1e-6) * step;
  return frame;
}

/// The text of a mark, with as many digits as the distance of the marks has.
std::string mark_of(const Plot& plot, double height, double step) {
  if (!plot.logarithmic)
    return fixed(height, std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-6)), 0, 9));
  return height <= std::log10(plot.least) + 1e-6 ? "0" : text("1e", std::lround(height));
}

void draw_axes(Svg& svg, Point at, const Plot& plot, const Frame& frame) {
  const Paint line{.stroke = ink, .stroke_width = 1, .opacity = 0.22};
  const Point corner = frame.corner;
  const double step = step_of(plot, frame.y), bottom = corner.y + area.height;
  for (int i = 0; frame.y.low + i * step <= frame.y.high + step / 2; ++i) {
    const double height = frame.y.low + i * step, y = frame.y_of(height);
    svg.line({corner.x, y}, {corner.x + area.width, y}, line);
    svg.text({corner.x - 8, y}, mark_of(plot, height, step), {.size = 13, .anchor = Anchor::end});
  }
  const double across = std::max(1.0, round_part(frame.x.high - frame.x.low, 6));
  for (double x = std::ceil(frame.x.low / across) * across; x <= frame.x.high; x += across) {
    svg.line({frame.x_of(x), bottom}, {frame.x_of(x), bottom + 5}, line);
    svg.text({frame.x_of(x), bottom + 15}, short_number(x), {.size = 13, .anchor = Anchor::middle});
  }
  svg.line({corner.x, bottom}, {corner.x + area.width, bottom},
           {.stroke = ink, .stroke_width = 1.5});
  svg.text({at.x, at.y + 8}, plot.y_name, {.size = 14});
  svg.text({corner.x + area.width, bottom + 36}, plot.x_name, {.size = 14, .anchor = Anchor::end});
}

void draw_curve(Svg& svg, const Plot& plot, const Frame& frame, size_t index) {
  constexpr double dash = 9;
  const Curve& curve = plot.curves[index];
  const std::string colour = colour_of(static_cast<int>(index));
  std::vector<Point> points;
  for (const Point& point : curve.points)
    points.push_back({frame.x_of(point.x), frame.y_of(height_of(plot, point.y))});
  svg.begin({{"data-curve", curve.name}}, curve.name);
  if (curve.dots || points.size() == 1) {
    for (const Point& point : points)
      svg.circle(point, 4.5, {.fill = colour, .stroke = ink, .stroke_width = 0.75});
  } else if (points.size() > 1) {
    Paint paint{.stroke = colour, .stroke_width = plot.take_turns ? 5.0 : 2.5};
    if (curve.faint) paint.stroke_width = 1.25, paint.opacity = 0.5;
    if (plot.take_turns) {
      paint.dash = dash, paint.space = dash * static_cast<double>(plot.curves.size() - 1);
      paint.shift = -dash * static_cast<double>(index);
    }
    svg.polyline(points, paint);
  }
  svg.end();
}

}  // namespace

void Plot::add_to(PicturePage& page) const {
  const auto draw = [plot = *this](Svg& svg, Point at) {
    const Frame frame = frame_of(plot, at);
    draw_axes(svg, at, plot, frame);
    for (size_t i = 0; i < plot.curves.size(); ++i) draw_curve(svg, plot, frame, i);
    if (plot.limit <= 0) return;
    const double y = frame.y_of(height_of(plot, plot.limit)), right = frame.corner.x + area.width;
    svg.line({frame.corner.x, y}, {right, y},
             {.stroke = ink, .stroke_width = 2, .dash = 6, .space = 4});
    svg.text({right, y + 11}, plot.limit_name, {.size = 13, .anchor = Anchor::end});
  };
  page.drawing(area.x + area.width + 14, area.y + area.height + below, draw);
  if (curves.size() < 2) return;
  std::vector<PicturePage::Key> keys;
  for (size_t i = 0; i < curves.size(); ++i)
    keys.push_back({curves[i].name, {.fill = colour_of(static_cast<int>(i))}});
  page.legend(keys);
}

}  // namespace shard
