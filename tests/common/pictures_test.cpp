// The parts of pictures: pages, divided matrices, timelines, plots.
// CPU only.
#include <cmath>

#include "common/draw/matrix_picture.h"
#include "common/draw/plot.h"
#include "common/draw/trace_picture.h"
#include "tests/pictures/xml.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

std::vector<const XmlElement*> with(const XmlElement& root, const std::string& attribute,
                                    const std::string& value) {
  return root.all([&](const XmlElement& element) { return element.attribute(attribute) == value; });
}

bool same(const std::vector<Interval>& a, const std::vector<Interval>& b) {
  return std::ranges::equal(a, b, [](Interval x, Interval y) {
    return x.begin == y.begin && x.end == y.end;
  });
}

HeldPart two_rows(int rank, std::vector<float> values) {
  return {rank, Shard::of_rows({4, 2}, part_of(4, 2, rank)), std::move(values)};
}

PicturePage page() { return {"a title", "what it shows"}; }

}  // namespace

TEST_CASE("matrix picture: each part a group with its rank, rows, columns and numbers") {
  MatrixPicture picture("a title", "what it shows");
  picture.line("A sentence:");
  picture.matrix("A", {two_rows(0, {1, 2, 3, 4}), two_rows(1, {5, 6, 7, -0.5f})});
  const XmlElement root = parse_xml(picture.drawn().str());
  const auto second = with(root, "data-rank", "1");
  REQUIRE(second.size() == 1);
  CHECK(second[0]->attribute("data-matrix") == "A");
  CHECK(second[0]->attribute("data-rows") == "2-4");
  CHECK(second[0]->attribute("data-columns") == "0-2");
  CHECK(second[0]->children.at(0).text == "rank 1: rows 2 … 3, columns 0 … 1 of A");
  CHECK(second[0]->children.back().text == "-0.50");
  CHECK(contains(picture.drawn().str(), "A sentence:"));
}

TEST_CASE("matrix picture: what every rank holds is drawn once, of no rank's colour") {
  MatrixPicture picture("a title", "what it shows");
  picture.matrix("X", {{0, Shard::all({1, 2}), {1, 2}}, {1, Shard::all({1, 2}), {1, 2}}});
  const XmlElement root = parse_xml(picture.drawn().str());
  CHECK(with(root, "data-matrix", "X").size() == 1);
  CHECK(with(root, "data-rank", "every").size() == 1);
  CHECK_FALSE(contains(picture.drawn().str(), colour_of(0)));
}

TEST_CASE("matrix picture: areas with padding, and ranks with nothing but padding") {
  MatrixPicture picture("a title", "what it shows");
  std::vector<HeldPart> parts;
  for (int rank = 0; rank < 3; ++rank) {
    parts.push_back({rank, Shard::of_rows({3, 2}, {2 * rank, 2 * rank + 2}), {}});
  }
  picture.areas("E", parts, 100, 60);
  const XmlElement root = parse_xml(picture.drawn().str());
  const auto fills = [&](const char* rank) {
    int filled = 0, dashed = 0;
    for (const XmlElement& child : with(root, "data-rank", rank).at(0)->children) {
      filled += child.name == "rect" && child.attribute("fill") != "none";
      dashed += child.attributes.contains("stroke-dasharray");
    }
    return std::pair{filled, dashed};
  };
  CHECK(fills("0") == std::pair{1, 0});
  CHECK(fills("1") == std::pair{1, 1});
  CHECK(fills("2") == std::pair{0, 1});
  CHECK(contains(picture.drawn().str(), ">padding<"));
}

TEST_CASE("matrix picture: broken data is refused") {
  const auto draw = [](const std::vector<HeldPart>& parts) {
    MatrixPicture picture("a title", "what it shows");
    picture.matrix("A", parts);
    static_cast<void>(picture.drawn().str());
  };
  CHECK(message_of([&] {
          draw({two_rows(0, {1, 2, 3})});
        }) == "a part of [2 × 2] cannot be drawn with 3 numbers");
  CHECK(contains(message_of([&] {
                   draw({two_rows(0, {1, 2, NAN, 4})});
                 }),
                 "cannot be drawn with the number nan"));
  CHECK(message_of([&] { draw({}); }) == "a matrix without elements cannot be drawn");
}

TEST_CASE("matrix picture: subscripts") {
  CHECK(subscript(0) == "₀");
  CHECK(subscript(12) == "₁₂");
}

TEST_CASE("timeline: intervals are merged and cut out") {
  CHECK(same(merged({{3, 4}, {1, 2}, {2, 2.5}, {1.5, 2}}), {{1, 2.5}, {3, 4}}));
  CHECK(same(without({{0, 10}}, {{2, 3}, {5, 6}}), {{0, 2}, {3, 5}, {6, 10}}));
  CHECK(same(without({{0, 4}, {6, 8}}, {{3, 7}}), {{0, 3}, {7, 8}}));
  CHECK(same(without({{0, 4}}, {{-1, 9}}), {}));
  CHECK(same(without({{0, 4}}, {}), {{0, 4}}));
  CHECK(merged({}).empty());
}

TEST_CASE("timeline: in characters, and as a picture") {
  const Timeline timeline{
      {0, 10},
      {{{"", BarLook::named, {{{0, 10}, "forward"}}},
        {"computes", BarLook::computes, {{{0, 5}, ""}}},
        {"communicates", BarLook::communicates, {{{5, 20}, ""}, {{30, 40}, ""}}}}}};
  CHECK(timeline.in_characters(10, 0) ==
        "  rank 0 computes      |#####     |\n"
        "  rank 0 communicates  |     ~~~~~|");
  CHECK(contains(timeline.in_characters(10), "from | to |: 10.00 s"));
  PicturePage a_page = page();
  timeline.add_to(a_page);
  const XmlElement root = parse_xml(a_page.drawn().str());
  CHECK(with(root, "data-row", "computes").size() == 1);
  CHECK(contains(a_page.drawn().str(), ">forward<"));
}

TEST_CASE("timeline: each group that communicates has a colour and a character of its own") {
  const Timeline timeline{{0, 10},
                          {{{"communicates",
                             BarLook::communicates,
                             {{{0, 4}, "", "tp"}, {{4, 6}, "", "dp"}, {{8, 10}, "", "tp"}}}}}};
  CHECK(timeline.groups() == std::vector<std::string>{"dp", "tp"});
  CHECK(timeline.in_characters(10, 0) == "  rank 0 communicates  |====~~  ==|");
  CHECK(contains(timeline.in_characters(10),
                 "~ communicates or waits in dp   = in tp   from | to |"));
  PicturePage a_page = page();
  timeline.add_to(a_page);
  const XmlElement root = parse_xml(a_page.drawn().str());
  const auto colour = [&](const char* group) {
    return with(root, "data-group", group)
        .at(0)
        ->all([](const XmlElement& e) { return e.name == "rect"; })
        .at(0)
        ->attribute("fill");
  };
  CHECK(with(root, "data-group", "tp").size() == 2);
  CHECK(with(root, "data-group", "dp").size() == 1);
  CHECK(colour("tp") != colour("dp"));
  CHECK(contains(a_page.drawn().str(), "communicates or waits in tp"));
}

TEST_CASE("timeline: a moment without length is refused") {
  PicturePage a_page = page();
  CHECK(contains(message_of([&] {
                   Timeline{{1, 1}, {{}}}.add_to(a_page);
                 }),
                 "a timeline of 0 seconds"));
}

TEST_CASE("trace picture: the last step, without what it waits for") {
  const TraceRow compute = TraceRow::compute, communication = TraceRow::communication;
  const std::vector<TraceBar> bars{{compute, "step", "", 0, 4},
                                   {compute, "step", "", 10, 20},
                                   {compute, "forward", "", 10, 15},
                                   {compute, "layer", "", 11, 12},
                                   {communication, "all_reduce", "tp", 13, 14},
                                   {compute, "backward", "", 15, 19}};
  const Timeline timeline = timeline_of({bars});
  CHECK(timeline.when.begin == 10);
  CHECK(timeline.when.end == 20);
  REQUIRE(timeline.ranks.at(0).size() == 3);
  const std::vector<TimelineRow>& rows = timeline.ranks[0];
  REQUIRE(rows[0].bars.size() == 2);
  CHECK(rows[0].bars[0].name == "forward");
  CHECK(rows[0].bars[1].name == "backward");
  REQUIRE(rows[1].bars.size() == 2);
  CHECK(rows[1].bars[0].when.end == 13);
  CHECK(rows[1].bars[1].when.begin == 14);
  REQUIRE(rows[2].bars.size() == 1);
  CHECK(rows[2].bars[0].when.begin == 13);
  CHECK(rows[2].bars[0].group == "tp");
}

TEST_CASE("trace picture: without steps the whole run, without bars nothing") {
  CHECK(timeline_of({{{TraceRow::compute, "forward", "", 2, 3}}, {}}).when.begin == 2);
  CHECK(message_of<UsageError>([] {
          timeline_of({{}, {}});
        }) == "--trace: nothing was recorded that could be drawn");
}

TEST_CASE("trace: a recording records only while it lives") {
  CHECK_FALSE(tracing());
  const size_t before = gather_trace(alone()).at(0).size();
  {
    const TraceRecording recording;
    TraceRange range(TraceRow::compute, "recorded");
    CHECK(tracing());
  }
  CHECK_FALSE(tracing());
  { TraceRange range(TraceRow::compute, "not recorded"); }
  const std::vector<TraceBar> bars = gather_trace(alone()).at(0);
  REQUIRE(bars.size() == before + 1);
  CHECK(bars.back().name == "recorded");
  CHECK(bars.back().end >= bars.back().begin);
}

TEST_CASE("plot: distances of marks are round") {
  CHECK(round_part(1, 5) == doctest::Approx(0.2));
  CHECK(round_part(60, 6) == doctest::Approx(10));
  CHECK(round_part(0.9e-3, 5) == doctest::Approx(2e-4));
  CHECK(contains(message_of([] { round_part(0, 5); }), "an axis of length 0"));
  CHECK(contains(message_of([] { round_part(NAN, 5); }), "an axis of length nan"));
}

TEST_CASE("plot: curves by name, zero at the foot of a logarithmic axis, the limit") {
  Plot plot{"step", "difference", {{"first", {{1, 0}, {2, 1e-7}}}, {"second", {{1, 1e-8}}}}};
  plot.logarithmic = true;
  plot.limit = 1e-4;
  plot.limit_name = "allowed";
  PicturePage a_page = page();
  plot.add_to(a_page);
  const std::string svg = a_page.drawn().str();
  const XmlElement root = parse_xml(svg);
  CHECK(with(root, "data-curve", "first").size() == 1);
  CHECK(with(root, "data-curve", "second").size() == 1);
  for (const char* mark : {">0<", ">1e-7<", ">1e-4<", ">allowed<"}) CHECK(contains(svg, mark));
}

TEST_CASE("plot: broken data is refused") {
  const auto draw = [](std::vector<Point> points) {
    PicturePage a_page = page();
    Plot{"step", "loss", {{"training", std::move(points)}}}.add_to(a_page);
    static_cast<void>(a_page.drawn());
  };
  CHECK(message_of([&] { draw({}); }) == "a plot without a point cannot be drawn");
  CHECK(contains(message_of([&] { draw({{1, 2}, {2, NAN}}); }), "cannot be drawn through nan"));
  CHECK(contains(message_of([&] { draw({{1, INFINITY}}); }), "cannot be drawn through inf"));
  draw({{1, 3}});                  // a single point is a dot
  draw({{1, 3}, {2, 3}, {3, 3}});  // a curve without height
}
