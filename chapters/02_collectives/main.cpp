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
  report.heading("Groups: the even ranks and the odd ranks, each with an all-reduce of its own");
  const int parity = world.rank() % 2;
  const std::unique_ptr<Communicator> group = world.split(parity, parity == 0 ? "even" : "odd");
  for (const std::string& line : world.gather_text(text("    rank ", world.rank(), " is rank ", group->rank(), " of ",
                                                        group->size(), " in the group \"", group->name(), "\""))) {
    report.line(line);
  }
  report.check("ranks keep their order within a group", group->rank() == world.rank() / 2);
  const std::vector<float> before = values_of(world.rank(), 3);
  show(world, report, "all-reduce in each group: everyone gets the sum of its own group", before,
       group->all_reduce(PartialSum(vector_of(*group, before))), sum_of_values(world.size(), 3, parity, 2));
}

// ---- The ring -------------------------------------------------------------------------------------------------------

void show_ring(Communicator& world, Report& report) {
  report.heading("A ring all-reduce, step by step: one chunk for each rank, here of one number");
  const int size = world.size(), rank = world.rank();
  Tensor x = vector_of(world, values_of(rank, size));
  RingAllReduce ring(world, x);
  std::vector<std::string> heading{""};
  for (int other = 0; other < size; ++other) heading.push_back(text("rank ", other));
  Table table(heading);
  const auto add_row = [&](const std::string& name, int arrived) {
    std::vector<std::string> cells = world.gather_text(drawn(x.to_host(), arrived));
    cells.insert(cells.begin(), name);
    table.row(std::move(cells));
  };
  add_row("before", -1);
  for (int step = 0; step < ring.steps(); ++step) {
    ring.step(step);
    const RingMove move = ring_move(rank, size, step);
    add_row(text("step ", step + 1, move.adds ? ", add" : ", copy"), move.receive);
  }
  report.table(table);
  report.line("  In step s, rank i sends chunk (i - s + 1) mod t to the rank on its right; > marks what has just arrived.");
  report.check("the ring's sum, exactly", std::ranges::equal(x.to_host(), sum_of_values(size, size)));
}

/// Rank `rank`'s vector of `count` entries: whole numbers, or normal ones.
std::vector<float> test_vector(uint64_t seed, int rank, int64_t count, bool whole) {
  const RandomStream random{seed, stream_of("ring", static_cast<uint64_t>(rank))};
  std::vector<float> values;
  for (uint64_t i = 0; i < static_cast<uint64_t>(count); ++i) {
    values.push_back(whole ? static_cast<float>(random.below(2001, i)) - 1000.0f : random.normal(i));
  }
  return values;
}

/// The relative error of the ring's sum of the test vectors.
double ring_error(Communicator& world, uint64_t seed, int64_t count, bool whole) {
  std::vector<double> sum(static_cast<size_t>(count));
  for (int rank = 0; rank < world.size(); ++rank) {
    std::ranges::transform(sum, test_vector(seed, rank, count, whole), sum.begin(), std::plus());
  }
  const Tensor term = vector_of(world, test_vector(seed, world.rank(), count, whole));
  return relative_error(ring_all_reduce(world, PartialSum(term)).to_host(), sum);
}

void check_ring(Runtime& runtime, Report& report) {
  report.heading("The ring all-reduce: its numbers and its ledger");
  Communicator& world = runtime.world();
  const uint64_t seed = runtime.options().seed;
  const int64_t count = 10'007;  // a prime: no number of ranks divides it
  for (int64_t short_count : {int64_t{1}, int64_t{world.size() + 1}, count}) {
    report.check(text("sum of ", short_count, " whole numbers, exactly"), ring_error(world, seed, short_count, true), 0);
  }
  const Tensor term = vector_of(world, test_vector(seed, world.rank(), count, false));
  report.check("sum of random numbers against double precision", ring_error(world, seed, count, false), 1e-6);

  const Ledger before = runtime.ledger();
  const int64_t allocations = runtime.backend().allocations();
  Tensor sum = ring_all_reduce(world, PartialSum(term));
  const Ledger used = runtime.ledger().since(before);
  report.check("memory: nothing new once a chunk's room is there", runtime.backend().allocations() == allocations);
  const std::vector<float> mine = sum.to_host();
  world.broadcast(sum, 0);
  report.check("the same bits on every rank", mine == sum.to_host());

  // Every chunk but one goes out in each half.
  const RingAllReduce ring(world, term);
  const int size = world.size(), rank = world.rank();
  const int64_t kept = ring.chunk((rank + 1) % size).size() + ring.chunk((rank + 2) % size).size();
  report.ledger(used);
  report.check(text("2(t-1) = ", ring.steps(), " messages and no other collective"),
               used.calls() == ring.steps() && used.calls(Collective::send_receive) == ring.steps());
  report.check(text("about 2(t-1)/t of ", term.bytes(), " bytes sent: ", used.bytes()), used.bytes() == 2 * term.bytes() - 4 * kept);
}

// ---- Speed ----------------------------------------------------------------------------------------------------------

/// The median of the times that `sum_up` takes on a copy of `term`, all ranks starting together; of the slowest rank.
double median_seconds(Communicator& world, const Tensor& term, Tensor& sum, const std::function<Tensor(PartialSum)>& sum_up) {
  const int64_t runs = std::clamp<int64_t>((int64_t{1} << 25) / term.bytes(), 5, 50);
  std::vector<double> times;
  for (int64_t run = -1; run < runs; ++run) {  // run -1 warms up
    sum = term.clone();
    world.barrier();
    const double start = now();
    sum = sum_up(PartialSum(sum));
    world.backend().synchronize();
    if (run >= 0) times.push_back(now() - start);
  }
  std::ranges::nth_element(times, times.begin() + runs / 2);
  return world.max_of(times[static_cast<size_t>(runs / 2)]);
}

void show_speed(Runtime& runtime, Report& report, int64_t max_bytes) {
  Communicator& world = runtime.world();
  report.heading("Speed: the ring against the library's all-reduce");
  if (world.size() == 1) return report.line("  With one rank there is nothing to send.");
  const int64_t most = max_bytes / size_of(DataType::f32);
  const Tensor all = vector_of(world, random_matrix...);
}
