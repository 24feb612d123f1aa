// The SVG writer: well-formed whatever it is given, and nothing is drawn from broken data.
// CPU only.
#include "common/draw/svg.h"

#include <cmath>
#include <set>

#include "tests/pictures/xml.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

Svg picture() { return {100, 50, "a title", "what it shows"}; }

/// The elements of that name in a picture, read back.
std::vector<XmlElement> drawn(const Svg& svg, const std::string& name) {
  std::vector<XmlElement> found;
  const XmlElement root = parse_xml(svg.str());
  for (const XmlElement* element : root.all([&](const XmlElement& e) { return e.name == name; })) {
    if (element->attribute("class") != "paper") found.push_back(*element);
  }
  return found;
}

}  // namespace

TEST_CASE("svg: a title, a description, the size, and colours for dark pages") {
  Svg svg(100, 50.25, "Rows & columns", "Two \"ranks\", <each> with its part");
  svg.line({0, 0}, {1, 1}, {.stroke = ink});
  const XmlElement root = parse_xml(svg.str());
  CHECK(root.attribute("role") == "img");
  CHECK(root.attribute("viewBox") == "0 0 100 50.2");
  REQUIRE(root.children.size() > 3);
  CHECK(root.children[0].name == "title");
  CHECK(root.children[0].text == "Rows & columns");
  CHECK(root.children[1].name == "desc");
  CHECK(root.children[1].text == "Two \"ranks\", <each> with its part");
  CHECK(contains(root.children[2].text, "@media (prefers-color-scheme: dark)"));
  CHECK(contains(svg.str(), "stroke=\"currentColor\""));
}

TEST_CASE("svg: shapes and their paint") {
  Svg svg = picture();
  svg.rectangle({1, 2, 3.04, 4}, {.fill = "#123456", .opacity = 0.5});
  svg.line({0, 0}, {-10, 5},
           {.stroke = "#654321", .stroke_width = 2, .dash = 4, .space = 3, .shift = -4});
  svg.polyline({{0, 0}, {1, 2}, {3, -0.01}}, {.stroke = ink});
  svg.circle({5, 6}, 7, {.fill = colour_of(1)});
  const XmlElement box = drawn(svg, "rect").at(0), line = drawn(svg, "line").at(0);
  CHECK(box.attributes == std::map<std::string, std::string>{{"x", "1"},
                                                             {"y", "2"},
                                                             {"width", "3"},
                                                             {"height", "4"},
                                                             {"rx", "3"},
                                                             {"fill", "#123456"},
                                                             {"opacity", "0.50"}});
  CHECK(line.attribute("x2") == "-10");
  CHECK(line.attribute("stroke-width") == "2");
  CHECK(line.attribute("stroke-dasharray") == "4 3");
  CHECK(line.attribute("stroke-dashoffset") == "-4");
  CHECK(drawn(svg, "polyline").at(0).attribute("points") == "0,0 1,2 3,0");
  CHECK(drawn(svg, "circle").at(0).attribute("fill") == "#E69F00");
}

TEST_CASE("svg: texts and attributes are escaped") {
  const std::string nasty = "a<b & \"c\" > 'd' é × ₁";
  Svg svg = picture();
  svg.begin({{"data-matrix", nasty}}, nasty);
  svg.text({0, 0}, nasty);
  svg.end();
  const XmlElement group = drawn(svg, "g").at(0);
  CHECK(group.attribute("data-matrix") == nasty);
  CHECK(group.children.at(0).text == nasty);
  CHECK(group.children.at(1).text == nasty);

  Svg with_controls = picture();
  with_controls.text({0, 0},
                     "a\nb\tc\x01"
                     "d");
  CHECK(drawn(with_controls, "text").at(0).text == "a b c\uFFFDd");
}

TEST_CASE("svg: an arrow ends where it points to") {
  Svg svg = picture();
  svg.arrow({0, 10}, {30, 10}, "#000000");
  CHECK(drawn(svg, "polygon").at(0).attribute("points").starts_with("30,10 "));
  CHECK(message_of([&] { svg.arrow({3, 3}, {3, 3}, ink); }) == "an arrow needs two ends");
}

TEST_CASE("svg: what is not finite or below zero is refused") {
  Svg svg = picture();
  for (double bad : {std::nan(""), double{INFINITY}, -double{INFINITY}}) {
    CHECK(contains(message_of([&] {
                     svg.line({0, 0}, {1, bad}, {});
                   }),
                   "cannot be drawn with the number"));
    CHECK(contains(message_of([&] {
                     svg.rectangle({bad, 0, 1, 1}, {});
                   }),
                   "cannot be drawn with the number"));
    CHECK(contains(message_of([&] {
                     svg.text({bad, 0}, "x");
                   }),
                   "cannot be drawn with the number"));
    CHECK(contains(message_of([&] {
                     svg.polyline({{0, 0}, {bad, 1}}, {});
                   }),
                   "cannot be drawn with the number"));
  }
  CHECK(message_of([&] {
          svg.rectangle({0, 0, -1, 1}, {});
        }) == "a picture cannot have a length of -1");
  CHECK(message_of([&] { svg.circle({0, 0}, -2, {}); }) == "a picture cannot have a length of -2");
}

TEST_CASE("svg: empty data and groups that do not match are refused") {
  Svg svg = picture();
  CHECK(message_of([&] { svg.str(); }) == "a picture is empty");
  CHECK(message_of([&] { svg.polyline({}, {}); }) == "a line through 0 points cannot be drawn");
  CHECK(message_of([&] {
          svg.polyline({{1, 1}}, {});
        }) == "a line through 1 points cannot be drawn");
  CHECK(message_of([&] { svg.end(); }) == "a group of a picture was ended that had not begun");
  svg.begin({});
  CHECK(message_of([&] { svg.str(); }) == "1 groups of a picture were not ended");
  CHECK(message_of([] { Svg(1, 1, "", "described"); }) ==
        "a picture needs a title and a description");
  CHECK(message_of([] { Svg(1, 1, "titled", ""); }) == "a picture needs a title and a description");
}

TEST_CASE("svg: a file that cannot be written is named, with the reason") {
  Svg svg = picture();
  svg.line({0, 0}, {1, 1}, {.stroke = ink});
  CHECK(message_of<Error>([&] { svg.write("--picture", "/no/such/folder/a.svg"); }) ==
        "--picture /no/such/folder/a.svg: the file cannot be written: No such file or directory");
}

/// The contrast of two colours "#rrggbb" by the Web Content Accessibility Guidelines 2.1, from 1
/// to 21.
static double contrast(const std::string& a, const std::string& b) {
  const auto luminance = [](const std::string& colour) {
    double sum = 0;
    for (size_t i = 0; i < 3; ++i) {
      const double value = std::stoi(colour.substr(1 + 2 * i, 2), nullptr, 16) / 255.0;
      const double linear =
          value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
      sum += linear * std::vector<double>{0.2126, 0.7152, 0.0722}[i];
    }
    return sum + 0.05;
  };
  const double ratio = luminance(a) / luminance(b);
  return ratio > 1 ? ratio : 1 / ratio;
}

TEST_CASE("svg: eight colours, all different, with text on them that can be read") {
  std::set<std::string> colours;
  for (int rank = 0; rank < 8; ++rank) {
    colours.insert(colour_of(rank));
    CHECK(contrast(colour_of(rank), ink_on(rank)) >= 4.5);
    CHECK(contrast(colour_of(rank), "#15181c") >= 3);  // dark paper
  }
  CHECK(colours.size() == 8);
  CHECK(colour_of(8) == colour_of(0));
  CHECK(message_of([] { colour_of(-1); }) == "there is no colour -1");
}

TEST_CASE("svg: long texts are wrapped between words") {
  const TextStyle style{.size = 10};
  const double width = width_in(style, "one two three");
  CHECK(wrapped("one two three four", style, width) ==
        std::vector<std::string>{"one two three", "four"});
  CHECK(wrapped("one", style, 1) == std::vector<std::string>{"one"});
  CHECK(wrapped("", style, 100).empty());
  CHECK(width_in(style, "×") == width_in(style, "x"));  // characters count, not bytes
}
