#include "common/draw/svg.h"

#include <cmath>
#include <sstream>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/format.h"

namespace shard {
namespace {

struct Colour {
  const char *fill, *ink_on_it;
};
constexpr Colour palette[] = {{"#0072B2", "#ffffff"}, {"#E69F00", "#000000"},
                              {"#009E73", "#000000"}, {"#CC79A7", "#000000"},
                              {"#56B4E9", "#000000"}, {"#D55E00", "#000000"},
                              {"#F0E442", "#000000"}, {"#999999", "#000000"}};

const Colour& entry(int index) {
  require(index >= 0, "there is no colour ", index);
  return palette[static_cast<size_t>(index) % std::size(palette)];
}

/// "12.5", "3": with a precision of a tenth of a pixel.
std::string number(double value) {
  require(std::isfinite(value), "a picture cannot be drawn with the number ", value);
  std::string digits = fixed(value, 1);
  if (digits.ends_with(".0")) digits.resize(digits.size() - 2);
  return digits == "-0" ? "0" : digits;
}

std::string length(double value) {
  require(!(value < 0), "a picture cannot have a length of ", value);
  return number(value);
}

std::string attribute(const std::string& name, const std::string& value) {
  return " " + name + "=\"" + value + "\"";
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\n':
      case '\t':
      case '\r': out += ' '; break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? std::string("\uFFFD")
                                                    : std::string(1, c);  // not in XML
    }
  }
  return out;
}

std::string joined(const std::vector<Point>& points) {
  require(points.size() >= 2, "a line through ", points.size(), " points cannot be drawn");
  std::string out;
  for (const Point& point : points) {
    if (!out.empty()) out += ' ';
    out += number(point.x) + "," + number(point.y);
  }
  return out;
}

// svg:root matches a picture in a file or an <img>, which needs a background. A picture that is
// embedded in a page uses the page's background.
constexpr const char* style = R"(<style>
  svg:root { color: #1f2328; }
  svg:root > .paper { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    svg:root { color: #e4e7eb; }
    svg:root > .paper { fill: #15181c; }
  }
</style>
)";

}  // namespace

std::string colour_of(int index) { return entry(index).fill; }

std::string ink_on(int index) { return entry(index).ink_on_it; }

double width_in(const TextStyle& style, const std::string& text) {
  const double each = style.digits ? 0.61 : style.bold ? 0.58 : 0.53;
  return each * style.size * static_cast<double>(width_of(text));
}

std::vector<std::string> wrapped(const std::string& text, const TextStyle& style, double width) {
  std::vector<std::string> lines;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::string longer = lines.empty() ? word : lines.back() + " " + word;
    if (!lines.empty() && width_in(style, longer) <= width) {
      lines.back() = longer;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

Svg::Svg(double width, double height, std::string title, std::string description)
    : width_(width),
      height_(height),
      title_(std::move(title)),
      description_(std::move(description)) {
  require(!title_.empty() && !description_.empty(), "a picture needs a title and a description");
}

void Svg::begin(const Facts& facts, const std::string& tip) {
  body_ += "<g";
  for (const auto& [name, value] : facts) body_ += attribute(name, escaped(value));
  body_ += ">\n";
  if (!tip.empty()) body_ += "<title>" + escaped(tip) + "</title>\n";
  ++open_;
}

void Svg::end() {
  require(open_ > 0, "a group of a picture was ended that had not begun");
  body_ += "</g>\n";
  --open_;
}

void Svg::shape(const std::string& name, const std::string& attributes, const Paint& paint) {
  body_ += "<" + name + attributes + attribute("fill", paint.fill);
  if (paint.stroke != "none") {
    body_ +=
        attribute("stroke", paint.stroke) + attribute("stroke-width", length(paint.stroke_width));
    if (paint.dash > 0)
      body_ += attribute("stroke-dasharray", length(paint.dash) + " " + length(paint.space));
    if (paint.shift != 0) body_ += attribute("stroke-dashoffset", number(paint.shift));
  }
  if (paint.opacity < 1) body_ += attribute("opacity", fixed(paint.opacity));
  body_ += "/>\n";
}

void Svg::rectangle(Box box, const Paint& paint, double radius) {
  shape("rect",
        attribute("x", number(box.x)) + attribute("y", number(box.y)) +
            attribute("width", length(box.width)) + attribute("height", length(box.height)) +
            attribute("rx", length(radius)),
        paint);
}

void Svg::circle(Point middle, double radius, const Paint& paint) {
  shape("circle",
        attribute("cx", number(middle.x)) + attribute("cy", number(middle.y)) +
            attribute("r", length(radius)),
        paint);
}

void Svg::line(Point from, Point to, const Paint& paint) {
  shape("line",
        attribute("x1", number(from.x)) + attribute("y1", number(from.y)) +
            attribute("x2", number(to.x)) + attribute("y2", number(to.y)),
        paint);
}

void Svg::polyline(const std::vector<Point>& points, const Paint& paint) {
  shape("polyline", attribute("points", joined(points)) + attribute("stroke-linejoin", "round"),
        paint);
}

void Svg::polygon(const std::vector<Point>& points, const Paint& paint) {
  shape("polygon", attribute("points", joined(points)), paint);
}

void Svg::arrow(Point from, Point to, const std::string& colour, double width) {
  const double dx = to.x - from.x, dy = to.y - from.y, distance = std::hypot(dx, dy),
               head = 3 * width + 1;
  require(distance > 0, "an arrow needs two ends");
  const Point along{dx / distance * head, dy / distance * head},
      base{to.x - along.x, to.y - along.y};
  line(from, base, {.stroke = colour, .stroke_width = width});
  polygon({to,
           {base.x - along.y / 2, base.y + along.x / 2},
           {base.x + along.y / 2, base.y - along.x / 2}},
          {.fill = colour});
}

void Svg::text(Point at, const std::string& text, const TextStyle& style) {
  constexpr const char* anchors[] = {"start", "middle", "end"};
  constexpr double middle_of_letters = 0.35;  // above the baseline, in units of the size
  body_ += "<text" + attribute("x", number(at.x)) +
           attribute("y", number(at.y + middle_of_letters * style.size)) +
           attribute("font-size", length(style.size)) + attribute("fill", style.colour);
  if (style.anchor != Anchor::start)
    body_ += attribute("text-anchor", anchors[static_cast<int>(style.anchor)]);
  if (style.bold) body_ += attribute("font-weight", "600");
  if (style.digits)
    body_ +=
        attribute("font-family", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace");
  body_ += '>' + escaped(text) + "</text>\n";
}

std::string Svg::str() const {
  require(open_ == 0, open_, " groups of a picture were not ended");
  require(!body_.empty(), "a picture is empty");
  const std::string width = length(width_), height = length(height_);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"" + attribute("width", width) +
         attribute("height", height) + attribute("viewBox", "0 0 " + width + " " + height) +
         attribute("font-family", "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif") +
         ">\n<title>" + escaped(title_) + "</title>\n<desc>" + escaped(description_) + "</desc>\n" +
         style + "<rect class=\"paper\" width=\"100%\" height=\"100%\" rx=\"8\" fill=\"none\"/>\n" +
         body_ + "</svg>\n";
}

void Svg::write(const std::string& option, const std::string& file) const {
  write_file(option, file, str());
}

}  // namespace shard
