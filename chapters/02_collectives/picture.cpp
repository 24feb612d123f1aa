#include "chapters/02_collectives/picture.h"

#include <algorithm>
#include <cmath>

#include "chapters/02_collectives/ring_all_reduce.h"
#include "chapters/02_collectives/test_vectors.h"
#include "common/base/counted.h"
#include "common/draw/picture_page.h"

namespace shard::chapter_02 {
namespace {

constexpr double cell_width = 56, cell_height = 30, between_ranks = 42, between_chunks = 3,
                 name_height = 28;

/// What all ranks hold after a step.
struct Moment {
  std::string name;
  std::vector<std::vector<float>> values;  // of each rank, each chunk
  std::vector<std::vector<int>> terms;     // a bit for each rank whose number is in the sum
  std::vector<RingMove> moves;             // of each rank; none before the first step
};

std::vector<std::vector<float>> gather(Communicator& world, const Tensor& x) {
  std::vector<std::vector<float>> all;
  const Tensor every = world.all_gather(x);
  for (int rank = 0; rank < world.size(); ++rank) {
    all.push_back(every.slice({rank * x.elements(), (rank + 1) * x.elements()}).to_host());
  }
  return all;
}

Moment moment_now(Communicator& world, const std::string& name, const Tensor& x,
                  const Tensor& terms) {
  Moment moment{name, gather(world, x), {}, {}};
  for (const std::vector<float>& of_rank : gather(world, terms)) {
    moment.terms.emplace_back(of_rank.begin(), of_rank.end());
  }
  return moment;
}

/// The same steps on the values and on a vector of powers of two, whose sums tell which ranks'
/// values a sum contains.
std::vector<Moment> all_moments(Communicator& world) {
  const int size = world.size();
  const std::vector<float> mine(static_cast<size_t>(size), std::ldexp(1.0f, world.rank()));
  Tensor x = to_tensor(world, values_of(world.rank(), size)), terms = to_tensor(world, mine);
  RingAllReduce ring(world, x), ring_of_terms(world, terms);
  std::vector<Moment> moments{moment_now(world, "before", x, terms)};
  for (int step = 0; step < ring.steps(); ++step) {
    ring.step(step);
    ring_of_terms.step(step);
    Moment moment = moment_now(world, "", x, terms);
    for (int rank = 0; rank < size; ++rank) moment.moves.push_back(ring_move(rank, size, step));
    moment.name = text("step ", step + 1, moment.moves[0].adds ? ": add" : ": copy");
    moments.push_back(std::move(moment));
  }
  return moments;
}

Box cell(Point at, int rank, int chunk) {
  return {at.x + between_ranks + rank * (cell_width + between_ranks),
          at.y + name_height + chunk * (cell_height + between_chunks), cell_width, cell_height};
}

/// A number, and below it the colours of the ranks whose values it is the sum of.
void draw_cell(Svg& svg, const Box& box, float value, int terms, int size, bool arrived) {
  svg.rectangle(box, {.fill = ink, .opacity = 0.1});
  svg.text({box.x + box.width / 2, box.y + 12}, text(value),
           {.size = 14, .anchor = Anchor::middle, .bold = arrived, .digits = true});
  const double stripe = (box.width - 8) / std::max(4, size);
  for (int rank = 0; rank < size; ++rank) {
    if ((terms >> rank & 1) == 0) continue;
    svg.rectangle({box.x + 4 + rank * stripe, box.y + 21, stripe - 1, 6}, {.fill = colour_of(rank)},
                  1);
  }
  if (arrived) svg.rectangle(box, {.stroke = ink, .stroke_width = 2});
}

/// Chunk `chunk` goes from `rank` to the next; from the last to the first it leaves at the right
/// and enters at the left.
void draw_move(Svg& svg, Point at, int rank, int size, int chunk) {
  constexpr double clear = 4;
  const Box from = cell(at, rank, chunk), to = cell(at, (rank + 1) % size, chunk);
  const double y = from.middle().y, start = from.x + from.width + clear;
  if (rank + 1 < size) return svg.arrow({start, y}, {to.x - clear, y}, colour_of(rank));
  svg.arrow({start, y}, {start + between_ranks - 3 * clear, y}, colour_of(rank));
  svg.arrow({to.x - between_ranks + 2 * clear, y}, {to.x - clear, y}, colour_of(rank));
}

void draw_moment(Svg& svg, Point at, const Moment& moment) {
  const int size = static_cast<int>(moment.values.size());
  svg.text({at.x, at.y + name_height / 2 - 2}, moment.name, {.size = 15, .bold = true});
  for (int rank = 0; rank < size; ++rank) {
    svg.begin({{"data-moment", moment.name}, {"data-rank", text(rank)}});
    for (int chunk = 0; chunk < size; ++chunk) {
      const auto r = static_cast<size_t>(rank), c = static_cast<size_t>(chunk);
      const bool arrived = !moment.moves.empty() && moment.moves[r].receive == chunk;
      draw_cell(svg, cell(at, rank, chunk), moment.values[r][c], moment.terms[r][c], size, arrived);
    }
    if (!moment.moves.empty())
      draw_move(svg, at, rank, size, moment.moves[static_cast<size_t>(rank)].send);
    svg.end();
  }
}

}  // namespace

void draw_ring(Runtime& runtime, Report& report) {
  const int size = runtime.world().size();
  PicturePage page(
      text("A ring all-reduce on ", counted(size, "rank")),
      text("Each of ", size,
           " ranks holds a vector, one number per chunk. In each step every rank sends "
           "one chunk to the next "
           "rank. In the first half of the steps it is added there, in the second "
           "half it is copied. At the "
           "end all ranks hold the sum."));
  page.sentence(
      "A column is a rank's vector, one chunk below the other. The stripes in a cell say whose "
      "numbers it is the "
      "sum of; an arrow is a message, and a frame is around what has just arrived.");
  const double width = between_ranks + size * (cell_width + between_ranks);
  page.drawing(width, 24, [=](Svg& svg, Point at) {
    for (int rank = 0; rank < size; ++rank) {
      const Box box = cell(at, rank, 0);
      svg.rectangle({box.x, at.y, box.width, 24}, {.fill = colour_of(rank)});
      svg.text({box.middle().x, at.y + 12}, text("rank ", rank),
               {.size = 14, .anchor = Anchor::middle, .colour = ink_on(rank)});
    }
  });
  for (const Moment& moment : all_moments(runtime.world())) {
    page.drawing(width, name_height + size * (cell_height + between_chunks),
                 [=](Svg& svg, Point at) { draw_moment(svg, at, moment); });
  }
  report.picture(page.drawn());
}

}  // namespace shard::chapter_02
