#include "chapters/18_pipeline/picture.h"

#include <algorithm>

#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_18 {
namespace {

constexpr double left = 72, right = 96, row_height = 34, bar_height = 26, title_height = 30;
constexpr double widest = 660, widest_unit = 30;

/// Each pass has a colour, and in every second chunk a lighter one.
int colour_of(const Step& step) {
  if (step.pass == Pass::weight_gradient) return 2;
  if (step.pass == Pass::forward) return step.chunk % 2 == 0 ? 1 : 6;
  return step.chunk % 2 == 0 ? 0 : 4;
}

Paint paint_of(const Step& step) {
  return {.fill = shard::colour_of(colour_of(step)), .stroke = ink, .stroke_width = 0.8};
}

/// A colour for each kind of step that there is.
std::vector<PicturePage::Key> legend_of(const std::vector<NamedReplay>& schedules) {
  static const std::vector<std::pair<Step, std::string>> kinds{
      {{Pass::forward, 0, 0}, "forward"},
      {{Pass::forward, 0, 1}, "forward, second chunk"},
      {{Pass::backward, 0, 0}, "backward"},
      {{Pass::backward, 0, 1}, "backward, second chunk"},
      {{Pass::input_gradient, 0, 0}, "backward, input's gradient only"},
      {{Pass::weight_gradient, 0, 0}, "weights' gradients"}};
  std::vector<PicturePage::Key> keys;
  for (const auto& [kind, name] : kinds) {
    const bool is_there = std::ranges::any_of(schedules, [&](const NamedReplay& each) {
      return std::ranges::any_of(each.replay.stages.front(), [&](const auto& timed) {
        return timed.step.pass == kind.pass && timed.step.chunk == kind.chunk;
      });
    });
    if (is_there) keys.push_back({name, paint_of(kind)});
  }
  return keys;
}

/// One stage's steps.
void draw_stage(Svg& svg, Point at, size_t stage, const std::vector<Replay::TimedStep>& steps,
                double unit, double total) {
  svg.text({at.x, at.y + bar_height / 2}, text("stage ", stage), {.size = 15});
  svg.rectangle({at.x + left, at.y, total * unit, bar_height},
                {.stroke = ink, .stroke_width = 0.7, .dash = 2, .space = 3}, 0);
  Steps order;
  int chunks = 1;
  for (const auto& [step, begin, end] : steps) {
    order.push_back(step);
    chunks = std::max(chunks, step.chunk + 1);
    const Box box{at.x + left + begin * unit, at.y, (end - begin) * unit, bar_height};
    svg.begin({{"data-stage", text(stage)},
               {"data-step", to_string(step)},
               {"data-begin", short_number(begin)},
               {"data-end", short_number(end)}},
              text("stage ", stage, ": ", in_words(step)));
    svg.rectangle(box, paint_of(step), 1);
    svg.text(box.middle(), text(step.micro_batch),
             {.size = 13, .anchor = Anchor::middle, .colour = ink_on(colour_of(step))});
    svg.end();
  }
  svg.text({at.x + left + total * unit + 10, at.y + bar_height / 2},
           text("keeps ", most_in_flight(order), chunks > 1 ? text("/", chunks) : ""),
           {.size = 14});
}

}  // namespace

void draw_schedules(Report& report, const std::vector<NamedReplay>& schedules) {
  const auto stages = std::ssize(schedules.front().replay.stages);
  draw_schedules(
      report, schedules,
      {.title = text("Schedules of ", counted(stages, "stage"), ", as they were run"),
       .description =
           text("Timelines of ", counted(std::ssize(schedules), "schedule"),
                ", one above the other, each with a row for each stage. A box is a pass of one "
                "micro-batch, numbered; a forward pass takes one unit of time, a backward pass "
                "two. In GPipe's, all forward passes come first, in a staircase, and every stage "
                "keeps all micro-batches. In 1F1B's, forward and backward passes alternate, and "
                "later stages keep fewer. Both take the same time."),
       .sentence = "Each stage's steps in the order of the run's trace, replayed with 1 unit for a "
                   "forward and 2 for a backward pass. Dashed: the stage is idle."});
}

void draw_schedules(Report& report, const std::vector<NamedReplay>& schedules,
                    const PictureWords& words) {
  const size_t stages = schedules.front().replay.stages.size();
  double total = 0;
  for (const NamedReplay& each : schedules) total = std::max(total, each.replay.total());
  const double unit = std::min(widest_unit, widest / total);
  PicturePage page(words.title, words.description);
  page.sentence(words.sentence);
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
  page.legend(legend_of(schedules));
  report.picture(page.drawn());
}

}  // namespace shard::chapter_18
