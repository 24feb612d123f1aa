#include "chapters/23_planner/plan_picture.h"

#include <algorithm>
#include <map>

#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_23 {
namespace {

constexpr double bar_length = 520, bar_height = 18, row_height = 46, right = 76;
constexpr double cell_width = 62, cell_height = 30, left = 70, top = 44;

/// A bar of parts with a name above and the sum at its end.
struct Bar {
  std::string name;
  std::vector<CostPart> parts;
  double sum() const {
    double all = 0;
    for (const CostPart& part : parts) all += part.value;
    return all;
  }
};

/// There are as many colours as parts: those that are often small are put together.
std::vector<CostPart> parts_to_draw(const StepTime& t) {
  return {{"products", t.products},   {"memory-bound operations, launches", t.memory + t.overhead},
          {"tp communication", t.tp}, {"cp and ep communication", t.cp + t.ep},
          {"pp communication", t.pp}, {"bubble", t.bubble},
          {"dp communication", t.dp}, {"optimizer", t.optimizer}};
}

struct Bars {
  std::vector<Bar> bars;
  double in_unit;  // of a value
  std::string unit;
  int digits;
  double limit = 0;  // if not 0: a dashed line at this value
};

void draw(Svg& svg, Point at, const Bars& chart) {
  double longest = chart.limit;
  for (const Bar& bar : chart.bars) longest = std::max(longest, bar.sum());
  const double scale = bar_length / longest;
  for (const Bar& bar : chart.bars) {
    svg.text({at.x, at.y + 10}, bar.name, {.size = 13});
    double x = at.x;
    for (size_t i = 0; i < bar.parts.size(); ++i) {
      const auto& [name, value] = bar.parts[i];
      if (value <= 0) continue;
      const std::string amount = text(fixed(value / chart.in_unit, chart.digits), " ", chart.unit);
      svg.begin({{"data-part", name}, {"data-value", amount}}, text(name, ": ", amount));
      svg.rectangle({x, at.y + 20, value * scale, bar_height},
                    {.fill = colour_of(static_cast<int>(i))}, 0);
      svg.end();
      x += value * scale;
    }
    svg.text({at.x + bar_length + 8, at.y + 20 + bar_height / 2},
             fixed(bar.sum() / chart.in_unit, chart.digits) + " " + chart.unit,
             {.size = 13, .digits = true});
    at.y += row_height;
  }
  if (chart.limit > 0) {
    const double x = at.x + chart.limit * scale,
                 above = row_height * static_cast<double>(chart.bars.size());
    svg.line({x, at.y - above}, {x, at.y}, {.stroke = ink, .dash = 5, .space = 4});
  }
}

void add(PicturePage& page, const Bars& chart) {
  page.drawing(bar_length + right, row_height * static_cast<double>(chart.bars.size()),
               [chart](Svg& svg, Point at) { draw(svg, at, chart); });
  std::vector<PicturePage::Key> keys;
  for (size_t i = 0; i < chart.bars.front().parts.size(); ++i) {
    if (std::ranges::any_of(chart.bars, [i](const Bar& bar) { return bar.parts[i].value > 0; }))
      keys.push_back({chart.bars.front().parts[i].name, {.fill = colour_of(static_cast<int>(i))}});
  }
  page.legend(keys);
}

/// The fastest step of each tp and pp.
struct StepMap {
  std::map<std::pair<int64_t, int64_t>, double> seconds;
  std::vector<int64_t> tp, pp;
  double fastest = 0;

  /// `best`: the fastest first.
  explicit StepMap(const std::vector<Candidate>& best) : fastest(best.front().time.total()) {
    for (const Candidate& one : best) {
      const auto& [layout, memory, time] = one;
      if (!seconds.emplace(std::pair{layout.tp, layout.pp}, time.total()).second) continue;
      tp.push_back(layout.tp);
      pp.push_back(layout.pp);
    }
    for (std::vector<int64_t>* axis : {&tp, &pp}) {
      std::ranges::sort(*axis);
      axis->erase(std::unique(axis->begin(), axis->end()), axis->end());
    }
  }
  double width() const { return left + cell_width * static_cast<double>(pp.size()); }
  double height() const { return top + cell_height * static_cast<double>(tp.size()); }
  void draw(Svg& svg, Point at) const;
};

void StepMap::draw(Svg& svg, Point at) const {
  const TextStyle name{.size = 14, .anchor = Anchor::middle};
  svg.text({at.x + (left + width()) / 2, at.y + 10}, "pp", name);
  svg.text({at.x + 8, at.y + (top + height()) / 2}, "tp", name);
  for (size_t column = 0; column < pp.size(); ++column) {
    svg.text({at.x + left + (static_cast<double>(column) + 0.5) * cell_width, at.y + 32},
             text(pp[column]), name);
  }
  for (size_t row = 0; row < tp.size(); ++row) {
    const double y = at.y + top + static_cast<double>(row) * cell_height;
    svg.text({at.x + left - 20, y + cell_height / 2}, text(tp[row]), name);
    for (size_t column = 0; column < pp.size(); ++column) {
      const auto found = seconds.find({tp[row], pp[column]});
      if (found == seconds.end()) continue;
      const double speed = fastest / found->second;
      const Box cell{at.x + left + static_cast<double>(column) * cell_width + 1, y + 1,
                     cell_width - 2, cell_height - 2};
      svg.begin({{"data-tp", text(tp[row])},
                 {"data-pp", text(pp[column])},
                 {"data-seconds", fixed(found->second, 3)}});
      svg.rectangle(cell, {.fill = colour_of(0), .opacity = 0.5 * speed * speed});  // ink is read
      if (speed == 1) svg.rectangle(cell, {.stroke = ink, .stroke_width = 2});
      svg.text(cell.middle(), fixed(found->second, found->second < 100 ? 2 : 0),
               {.size = 13, .anchor = Anchor::middle, .bold = speed == 1, .digits = true});
      svg.end();
    }
  }
}

}  // namespace

void draw_plan(Report& report, const Job& job, const std::vector<Candidate>& best, int64_t rows) {
  if (best.empty()) return;
  Bars memory{.bars = {}, .in_unit = 1e9, .unit = "GB", .digits = 1, .limit = job.cluster.memory},
      time{.bars = {}, .in_unit = 1, .unit = "s", .digits = 2};
  for (const Candidate& one : best) {
    if (std::ssize(time.bars) == std::min<int64_t>(rows, 6)) break;
    memory.bars.push_back({short_name(one.layout), parts_of(one.memory)});
    time.bars.push_back({short_name(one.layout), parts_to_draw(one.time)});
  }
  const StepMap map(best);
  const std::string shown = text(counted(time.bars.size(), "layout"));
  PicturePage page(
      text(job.model.name, " on ", counted(job.gpus, "GPU"), " of ", job.cluster.name),
      text("Two charts of stacked bars of the fastest ", shown,
           ": time of a step by kind, and memory of the fullest GPU by kind, with a dashed line at "
           "its ",
           short_number(job.cluster.memory / 1e9),
           " GB. Below, a table of the fastest step of each tp and pp; the fastest of all takes ",
           fixed(map.fastest), " s."));
  page.sentence(
      text("The fastest ", shown, " that fit: time of a step, as the planner predicts it."));
  add(page, time);
  page.sentence("Memory of the fullest GPU. Dashed: what it has.");
  add(page, memory);
  page.sentence("Seconds of the fastest step for each tp and pp, over all other choices.");
  page.drawing(map.width(), map.height(), [=](Svg& svg, Point at) { map.draw(svg, at); });
  report.picture(page.drawn());
}

}  // namespace shard::chapter_23
