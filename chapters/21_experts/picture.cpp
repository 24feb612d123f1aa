#include "chapters/21_experts/picture.h"

#include <sstream>

#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_21 {
namespace {

/// The choices of all tokens: [tokens][k].
struct Journeys {
  std::vector<std::vector<int>> experts;  // of each token of all ranks
  std::vector<int> rank_of;               // of each token
  int ranks = 1;
  int64_t all_experts = 0;
};

constexpr double token = 21, gap = 12, expert_height = 58, across = 430, box = 150, left = 140;

double token_y(const Journeys& journeys, size_t i) {
  return static_cast<double>(i) * token + journeys.rank_of[i] * gap + token / 2;
}

int rank_of_expert(const Journeys& journeys, int64_t expert) {
  int rank = 0;
  while (part_of(journeys.all_experts, journeys.ranks, rank).end <= expert) ++rank;
  return rank;
}

double height_of(const Journeys& journeys) {
  return token_y(journeys, journeys.experts.size() - 1) + token;
}

Box box_of(const Journeys& journeys, int64_t expert) {
  const double step = height_of(journeys) / static_cast<double>(journeys.all_experts);
  return {left + across, static_cast<double>(expert) * step + (step - expert_height) / 2, box,
          expert_height};
}

void draw(Svg& svg, Point at, const Journeys& journeys) {
  std::vector<int> came(static_cast<size_t>(journeys.all_experts), 0);
  for (size_t i = 0; i < journeys.experts.size(); ++i) {
    const int rank = journeys.rank_of[i];
    const double y = at.y + token_y(journeys, i);
    for (const int expert : journeys.experts[i]) {
      const Box to = box_of(journeys, expert);
      const int there = rank_of_expert(journeys, expert);
      svg.begin({{"data-token", text(i)}, {"data-expert", text(expert)}});
      svg.line({at.x + left, y}, {at.x + to.x, at.y + to.middle().y},
               {.stroke = colour_of(rank),
                .stroke_width = there == rank ? 1.2 : 2.0,
                .dash = there == rank ? 3.0 : 0.0,
                .space = 3});
      svg.end();
      ++came[static_cast<size_t>(expert)];
    }
    svg.circle({at.x + left, y}, 7, {.fill = colour_of(rank), .stroke = ink});
    svg.text({at.x + left - 14, y}, text("rank ", rank, ", token ", i),
             {.size = 14, .anchor = Anchor::end});
  }
  for (int64_t expert = 0; expert < journeys.all_experts; ++expert) {
    const Box place = box_of(journeys, expert);
    const int rank = rank_of_expert(journeys, expert);
    const Box here{at.x + place.x, at.y + place.y, place.width, place.height};
    svg.rectangle(here, {.fill = colour_of(rank), .stroke = ink});
    const TextStyle style{.size = 15, .anchor = Anchor::middle, .colour = ink_on(rank)};
    svg.text({here.middle().x, here.middle().y - 10}, text("expert ", expert, ", rank ", rank),
             style);
    svg.text({here.middle().x, here.middle().y + 12},
             text(counted(came[static_cast<size_t>(expert)], "token")), style);
  }
}

Journeys journeys_of(Runtime& runtime, const Sizes& sizes) {
  Communicator& world = runtime.world();
  Trial trial(runtime, sizes, {1, world.size()}, settings_of(sizes), sizes.experts - 2);
  ExpertMlp::Kept kept;
  trial.layer.forward(trial.x, kept);
  std::string mine;
  for (const int32_t expert : kept.router.routing.chosen.to_host_int()) mine += text(expert, " ");
  Journeys journeys{
      .experts = {}, .rank_of = {}, .ranks = world.size(), .all_experts = sizes.experts};
  int rank = 0;
  for (const std::string& choices : world.gather_text(mine)) {
    std::istringstream numbers(choices);
    std::vector<int> of_token;
    for (int expert = 0; numbers >> expert;) {
      of_token.push_back(expert);
      if (std::ssize(of_token) < sizes.chosen) continue;
      journeys.experts.push_back(of_token);
      journeys.rank_of.push_back(rank);
      of_token.clear();
    }
    ++rank;
  }
  return journeys;
}

}  // namespace

void draw_journeys(Runtime& runtime, Report& report, const Sizes& sizes) {
  Sizes few = sizes;
  few.tokens = std::min<int64_t>(sizes.tokens, 18);
  const Journeys journeys = journeys_of(runtime, few);
  PicturePage page(
      "Which tokens travel where",
      text("Left, ", counted(few.tokens, "token"), " of ", counted(journeys.ranks, "rank"),
           ", a number that grows from rank to rank; right, ", few.experts,
           " experts, shared out among the ranks. Each token has ", few.chosen,
           " lines, to the experts that the router has chosen for it. The experts get unequal "
           "numbers of tokens, and expert ",
           few.experts - 2, " gets none."));
  page.sentence(
      "A line is a row of x that is sent to an expert, and the row of results that comes back. "
      "Dashed: the expert is on the token's own rank.");
  page.drawing(left + across + box, height_of(journeys),
               [&](Svg& svg, Point at) { draw(svg, at, journeys); });
  page.legend(keys_of_ranks(journeys.ranks));
  report.picture(page.drawn());
}

}  // namespace shard::chapter_21
