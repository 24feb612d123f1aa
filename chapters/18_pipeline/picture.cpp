#include "chapters/18_pipeline/picture.h"

#include <algorithm>

#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_18 {
namespace {

constexpr double left = 72, right = 96, row_height = 34, bar_height = 26, title_height = 30;
constexpr double widest = 660, widest_unit = 30;
constexpr int forward_colour = 1, backward_colour = 0;

/// One stage's steps.
void draw_stage(Svg& svg, Point at, size_t stage, const std::vector<Replay::TimedStep>& steps,
                double unit, double total) {
  svg.text({at.x, at.y + bar_height / 2}, text("stage ", stage), {.size = 15});
  svg.rectangle({at.x + left, at.y, total * unit, bar_height},
                {.stroke = ink, .stroke_width = 0.7, .dash = 2, .space = 3}, 0);
  Steps order;
  for (const auto& [step, begin, end] : steps) {
    order.push_back(step);
    const int colour = step.pass == Pass::forward ? forward_colour : backward_colour;
    const Box box{at.x + left + begin * unit, at.y, (end - begin) * unit, bar_height};
    svg.begin({{"data-stage", text(stage)},
               {"data-step", to_string(step)},
               {"data-begin", short_number(begin)},
               {"data-end", short_number(end)}},
              text("stage ", stage, ": ", in_words(step)));
    svg.rectangle(box, {.fill = colour_of(colour), .stroke = ink, .stroke_width = 0.8}, 1);
    svg.text(box.middle(), text(step.micro_batch),
             {.size = 13, .anchor = Anchor::middle, .colour = ink_on(colour)});
    svg.end();
  }
  svg.text({at.x + left + total * unit + 10, at.y + bar_height / 2},
           text("keeps ", most_in_flight(order)), {.size = 14});
}

}  // namespace

void draw_schedules(Report& report, const std::vector<NamedReplay>& schedules) {
  const size_t stages = schedules.front().replay.stages.size();
  double total = 0;
  for (const NamedReplay& each : schedules) total = std::max(total, each.replay.total());
  const double unit = std::min(widest_unit, widest / total);
  PicturePage page(
      text("Schedules of ", counted(static_cast<int64_t>(stages), "stage"), ", as they were run"),
      text("Timelines of ", counted(std::ssize(schedules), "schedule"),
           ", one above the other, each with a row for each stage. A box is a pass of one "
           "micro-batch, numbered; a forward pass takes one unit of time, a backward pass two. In "
           "GPipe's, all forward passes come first, in a staircase, and every stage keeps all "
           "micro-batches. In 1F1B's, forward and backward passes alternate, and later stages keep "
           "fewer. Both take the same time."));
  page.sentence(
      "Each stage's steps in the order of the run's trace, replayed with 1 unit for a forward and "
      "2 "
      "for a backward pass. Dashed: the stage is idle.");
  page.drawing(left + total * unit + right,
               static_cast<double>(schedules.size()) *
                   (title_height + static_cast<double>(stages) * row_height),
               [=](Svg& svg, Point at) {
                 for (const auto& [name, replay] : schedules) {
                   svg.text({at.x, at.y + title_height / 2}, name, {.size = 16, .bold = true});
                   at.y += title_height;
                   for (size_t stage = 0; stage < stages; ++stage, at.y += row_height)
                     draw_stage(svg, at, stage, replay.stages[stage], unit, total);
                 }
               });
  page.legend({{"forward", {.fill = colour_of(forward_colour), .stroke = ink}},
               {"backward", {.fill = colour_of(backward_colour), .stroke = ink}}});
  report.picture(page.drawn());
}

}  // namespace shard::chapter_18
