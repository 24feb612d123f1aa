// Writes SVG pictures: shapes and text, one colour for each rank, for light and dark pages, with
// descriptions for readers who cannot see them.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace shard {

/// A position in a picture, in pixels to the right and down from its upper left corner.
struct Point {
  double x = 0, y = 0;
};
/// A rectangle, given by its upper left corner and its size, in pixels.
struct Box {
  double x = 0, y = 0, width = 0, height = 0;
  Point middle() const { return {x + width / 2, y + height / 2}; }
};

// ---- Colours ------------------------------------------------------------------------------------

/// The colour of rank `index` in every picture, or of curve `index` in a plot. The colours can be
/// distinguished with all kinds of colour vision: M. Okabe and K. Ito, "Color Universal Design",
/// 2008, jfly.uni-koeln.de/color. There are eight, which are then repeated, so pictures always show
/// a number or a name as well.
std::string colour_of(int index);
/// Black or white, whichever is more readable on this colour.
std::string ink_on(int index);
/// The colour of text on the page: dark on a light page, light on a dark one.
inline const std::string ink = "currentColor";

/// The fill and the outline of a shape. Lengths are in pixels.
struct Paint {
  std::string fill = "none", stroke = "none";  // colours
  double stroke_width = 1.5, opacity = 1;      // opacity from 0 to 1
  double dash = 0, space = 0, shift = 0;       // of a dashed line: lengths, and offset of the start
};

/// The point of a line of text that is placed at the given position.
enum class Anchor { start, middle, end };
struct TextStyle {
  double size = 15;  // in pixels
  Anchor anchor = Anchor::start;
  std::string colour = ink;
  bool bold = false;
  bool digits = false;  // all characters have the same width, for columns of numbers
};

/// The approximate width of the text, in pixels. Fonts differ, so it is a slight overestimate.
double width_in(const TextStyle& style, const std::string& text);
/// The text in lines that are no wider than `width` pixels.
std::vector<std::string> wrapped(const std::string& text, const TextStyle& style, double width);

// ---- The picture --------------------------------------------------------------------------------

/// Attributes {name, value} of the drawn shapes, for programs that read the picture:
/// {"data-rank", "2"}.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Throws Error for numbers that are not finite and for negative sizes, so that no invalid data is
/// drawn. Texts are UTF-8 and are escaped here.
class Svg {
 public:
  /// A screen reader reads `title` and `description` instead of the picture.
  Svg(double width, double height, std::string title, std::string description);

  /// Begins a group, which end() closes; `tip` is shown when the pointer is over it.
  void begin(const Facts& facts, const std::string& tip = "");
  void end();

  void rectangle(Box box, const Paint& paint, double radius = 3);  // radius of its corners
  void circle(Point middle, double radius, const Paint& paint);
  void line(Point from, Point to, const Paint& paint);
  void polyline(const std::vector<Point>& points, const Paint& paint);
  void polygon(const std::vector<Point>& points, const Paint& paint);
  /// A line with an arrowhead at `to`.
  void arrow(Point from, Point to, const std::string& colour, double width = 2);
  /// One line of text, vertically centred at at.y.
  void text(Point at, const std::string& text, const TextStyle& style = {});

  /// The content of the file.
  std::string str() const;
  /// Throws Error, naming `option`, if the file cannot be written.
  void write(const std::string& option, const std::string& file) const;

 private:
  void shape(const std::string& name, const std::string& attributes, const Paint& paint);

  double width_, height_;
  std::string title_, description_, body_;
  int open_ = 0;  // number of open groups
};

}  // namespace shard
