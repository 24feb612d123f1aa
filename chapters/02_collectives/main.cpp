// Chapter 02: what ranks can do together. Collectives in small numbers, a ring all-reduce written by hand, its speed.
#include <algorithm>
#include <cmath>

#include "chapters/02_collectives/cost_model.h"
#include "chapters/02_collectives/ring_all_reduce.h"
#include "common/clock.h"
#include "common/ops.h"
#include "common/reference.h"
#include "common/runtime.h"

using namespace shard;
using namespace shard::reference;

// ---- Collectives, drawn ---------------------------------------------------------------------------------------------

/// Rank r's values: 10·r + 1, 10·r + 2, …: the tens tell whose they are.
std::vector<float> values_of(int rank, int64_t count) {
  std::vector<float> values;
  for (int64_t i = 1; i <= count; ++i) values.push_back(static_cast<float>(10 * rank + i));
  return values;
}

/// Entry by entry, the sum of values_of the ranks first, first + step, … below `size`.
std::vector<float> sum_of_values(int size, int64_t count, int first = 0, int step = 1) {
  std::vector<float> sum(static_cast<size_t>(count));
  for (int rank = first; rank < size; rank += step) {
    std::ranges::transform(sum, values_of(rank, count), sum.begin(), std::plus());
  }
  return sum;
}

std::string drawn(std::span<const float> values) {
  std::string out;
  for (float value : values) {
    const std::string number = text(value);
    out += std::string(std::max<size_t>(4, number.size() + 1) - number.size(), ' ') + number;
  }
  return "[" + out + " ]";
}

/// One line for each rank: what it held, what it holds. Then the check that this is `expected`, on every rank.
void show(Communicator& world, Report& report, const std::string& name, std::span<const float> before,
          const Tensor& after, std::span<const float> expected) {
  const std::vector<float> got = after.to_host();
  report.line("\n  " + name);
  for (const std::string& line : world.gather_text(text("    rank ", world.rank(), "  ", drawn(before), "  →  ", drawn(got)))) {
    report.line(line);
  }
  report.check(name.substr(0, name.find(':')) + ", exactly", std::ranges::equal(got, expected));
}

Tensor vector_of(Communicator& group, std::span<const float> values) {
  return Tensor::from(group.backend(), {std::ssize(values)}, values);
}

void show_collectives(Communicator& world, Report& report) {
  report.heading("Collectives: before → after, on every rank");
  const int size = world.size(), rank = world.rank(), last = size - 1;
  const std::vector<float> two = values_of(rank, 2), all = values_of(rank, size + 1);  // one more than ranks: uneven

  Tensor x = vector_of(world, two);
  world.broadcast(x, last);
  show(world, report, text("broadcast: rank ", last, "'s values become everyone's"), two, x, values_of(last, 2));

  Tensor arrived = vector_of(world, two);
  const int left = (rank + last) % size;
  world.send_receive(vector_of(world, two), (rank + 1) % size, arrived, left);
  show(world, report, "send and receive: everyone's values go to the next rank", two, arrived, values_of(left, 2));

  std::vector<float> pieces;
  for (int other = 0; other < size; ++other) std::ranges::copy(values_of(other, 2), std::back_inserter(pieces));
  show(world, report, "all-gather: all pieces, one after the other, for everyone", two,
       world.all_gather(vector_of(world, two)), pieces);

  const std::vector<float> sum = sum_of_values(size, size + 1);
  const Range part = part_of(size + 1, size, rank);
  show(world, report, "reduce-scatter: everyone gets one part of the sum", all,
       world.reduce_scatter(PartialSum(vector_of(world, all))), std::span(sum).subspan(part.begin, part.size()));
  show(world, report, "all-reduce: everyone gets the whole sum", all, world.all_reduce(PartialSum(vector_of(world, all))), sum);
}

void show_groups(Communicator& world, Report& report) {
  report.heading("Groups: the even and the odd ranks, each with an all-reduce of its own");
  const int parity = world.rank() % 2;
  const std::unique_ptr<Communicator> group = world.split(parity, parity == 0 ? "even" : "odd");
}

int main() { }
