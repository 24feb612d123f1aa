// A small writer of SVG pictures: shapes and text, one colour for each rank, for light and for dark
// pages, and with words for readers who cannot see them.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace shard {

/// A place in a picture, in pixels from its upper left corner.
struct Point {
  double x = 0, y = 0;  // to the right, and down
};
/// A rectangle, from its upper left corner.
struct Box {
  double x = 0, y = 0, width = 0, height = 0;  // in pixels
  /// Its centre.
  Point middle() const { return {x + width / 2, y + height / 2}; }
};

// ---- Colours ------------------------------------------------------------------------------------

/// The colour of rank `index` in every picture, or of curve `index` in a plot. They differ for all
/// kinds of colour vision: M. Okabe and K. Ito, "Color Universal Design", 2008,
/// jfly.uni-koeln.de/color. There are eight; after them they begin again, so a number or a name
/// always stands beside them.
std::string colour_of(int index);
/// Black or white: what is read best on it.
std::string ink_on(int index);
/// The colour of text on the page: dark on a light page, light on a dark one.
inline const std::string ink = "currentColor";

/// How a shape is painted.
struct Paint {
  std::string fill = "none", stroke = "none";  // colours of the inside and of the line around it
  double stroke_width = 1.5, opacity = 1;      // in pixels; from 0, not seen, to 1
  double dash = 0, space = 0,
         shift = 0;  // of a dashed line: of a dash, of a space, of where they begin
};

/// Which point of a line of text stands at the place that is given for it.
enum class Anchor { start, middle, end };
/// How a line of text is written.
struct TextStyle {
  double size = 15;               // in pixels
  Anchor anchor = Anchor::start;  // what stands at the place
  std::string colour = ink;       // of the letters
  bool bold = false;              // heavier
  bool digits = false;            // all characters of one width, for numbers below each other
};

/// About how wide the text will be: fonts differ, so it is a little too much.
double width_in(const TextStyle& style, const std::string& text);
/// The text in lines that are no wider than `width`.
std::vector<std::string> wrapped(const std::string& text, const TextStyle& style, double width);

// ---- The picture --------------------------------------------------------------------------------

/// Attributes {name, value} of what is drawn, for programs that read the picture: {"data-rank",
/// "2"}.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Numbers that are not finite and sizes below zero are refused with an Error, so that nothing is
/// drawn from broken data. Texts are UTF-8 and escaped here.
class Svg {
 public:
  /// `title` and `description` are what a screen reader says instead of the picture.
  Svg(double width, double height, std::string title, std::string description);

  /// What follows, until end(), belongs together; `tip` is shown where the pointer rests.
  void begin(const Facts& facts, const std::string& tip = "");
  void end();  // of what belongs together

  void rectangle(Box box, const Paint& paint, double radius = 3);  // with corners of that radius
  void circle(Point middle, double radius, const Paint& paint);    // around a point
  void line(Point from, Point to, const Paint& paint);             // straight
  void polyline(const std::vector<Point>& points, const Paint& paint);  // lines from point to point
  void polygon(const std::vector<Point>& points, const Paint& paint);   // the same, closed
  /// A line with a head at its end, in one colour.
  void arrow(Point from, Point to, const std::string& colour, double width = 2);
  /// One line of text, whose middle height is at.y.
  void text(Point at, const std::string& text, const TextStyle& style = {});

  /// The whole file.
  std::string str() const;
  /// Throws Error, naming `option`, when the file cannot be written.
  void write(const std::string& option, const std::string& file) const;

 private:
  void shape(const std::string& name, const std::string& attributes, const Paint& paint);

  double width_, height_;
  std::string title_, description_, body_;
  int open_ = 0;  // groups
};

}  // namespace shard
