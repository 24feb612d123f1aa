// Chapter 02: collectives on small vectors, a ring all-reduce written by hand, and its speed.
#include <algorithm>
#include <functional>

#include "chapters/02_collectives/picture.h"
#include "chapters/02_collectives/ring_all_reduce.h"
#include "chapters/02_collectives/speed_table.h"
#include "chapters/02_collectives/test_vectors.h"
#include "common/check/calls.h"
#include "common/check/reference.h"
#include "common/program/runtime.h"

using namespace shard;
using namespace shard::chapter_02;
using namespace shard::reference;

/// Every rank's line, in rank order.
void print_all(Communicator& world, Report& report, const std::string& line) {
  for (const std::string& each : world.gather_text(text("    rank ", world.rank(), line)))
    report.line(each);
}

/// Prints what every rank held before and holds now, and checks that this is `expected`.
void show(Communicator& world, Report& report, const std::string& name,
          std::span<const float> before, const Tensor& now, std::span<const float> expected) {
  const std::vector<float> after = now.to_host();
  report.line("\n  " + name);
  print_all(world, report, text("  ", drawn(before), "  →  ", drawn(after)));
  report.check(name.substr(0, name.find(':')) + ", exactly", std::ranges::equal(after, expected));
}

void show_collectives(Communicator& world, Report& report) {
  report.heading("Collectives: before → after, on every rank");
  const int size = world.size(), rank = world.rank(), last = size - 1;
  // one more than ranks: uneven
  const std::vector<float> two = values_of(rank, 2), all = values_of(rank, size + 1);

  Tensor x = to_tensor(world, two);
  world.broadcast(x, last);
  show(world, report, text("broadcast: every rank gets rank ", last, "'s values"), two, x,
       values_of(last, 2));

  Tensor arrived = to_tensor(world, two);
  const int left = (rank + last) % size;
  world.send_receive(to_tensor(world, two), (rank + 1) % size, arrived, left);
  show(world, report, "send and receive: every rank's values go to the next rank", two, arrived,
       values_of(left, 2));

  std::vector<float> pieces;
  for (int other = 0; other < size; ++other)
    std::ranges::copy(values_of(other, 2), std::back_inserter(pieces));
  show(world, report, "all-gather: every rank gets all pieces, one after the other", two,
       world.all_gather(to_tensor(world, two)), pieces);

  const std::vector<float> sum = sum_of_values(size, size + 1);
  const Range part = part_of(size + 1, size, rank);
  show(world, report, "reduce-scatter: every rank gets one part of the sum", all,
       world.reduce_scatter(PartialSum(to_tensor(world, all))),
       std::span(sum).subspan(part.begin, part.size()));
  show(world, report, "all-reduce: every rank gets the whole sum", all,
       world.all_reduce(PartialSum(to_tensor(world, all))), sum);
}

void show_groups(Communicator& world, Report& report) {
  report.heading("Groups: the even ranks and the odd ranks, each with an all-reduce of its own");
  const int parity = world.rank() % 2;
  const std::unique_ptr<Communicator> group = world.split(parity, parity == 0 ? "even" : "odd");
  print_all(world, report,
            text(" is rank ", group->rank(), " of ", group->size(), " in the group \"",
                 group->name(), "\""));
  report.check("ranks keep their order within a group", group->rank() == world.rank() / 2);
  const std::vector<float> before = values_of(world.rank(), 3);
  show(world, report, "all-reduce in each group: every rank gets the sum of its own group", before,
       group->all_reduce(PartialSum(to_tensor(*group, before))),
       sum_of_values(world.size(), 3, parity, 2));
}

void show_ring(Communicator& world, Report& report) {
  report.heading("A ring all-reduce, step by step: one chunk for each rank, here of one number");
  const int size = world.size(), rank = world.rank();
  Tensor x = to_tensor(world, values_of(rank, size));
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
  if (size <= 5) report.table(table);  // with more ranks it would be too wide
  report.line(
      "  In step s rank i sends chunk (i - s + 1) mod t to the next rank; > marks what has just "
      "arrived.");
  report.check("the sum of these vectors, exactly",
               std::ranges::equal(x.to_host(), sum_of_values(size, size)));
}

/// The relative error of the ring's sum of the test vectors.
double ring_error(Communicator& world, uint64_t seed, int64_t count, bool whole) {
  std::vector<double> sum(static_cast<size_t>(count));
  for (int rank = 0; rank < world.size(); ++rank) {
    std::ranges::transform(sum, random_values(seed, rank, count, whole), sum.begin(), std::plus());
  }
  const Tensor term = to_tensor(world, random_values(seed, world.rank(), count, whole));
  return relative_error(ring_all_reduce(world, PartialSum(term)).to_host(), sum);
}

void check_ring(Runtime& runtime, Report& report) {
  report.heading("The ring all-reduce: its numbers and its ledger");
  Communicator& world = runtime.world();
  const uint64_t seed = runtime.options().seed;
  const int64_t count = 10'007;  // a prime: no number of ranks divides it
  for (int64_t length : {int64_t{1}, int64_t{world.size() + 1}, count}) {
    const double error = ring_error(world, seed, length, true);
    report.check(text("sum of whole numbers, vectors of ", length, ", exactly"), error, 0);
  }
  const Tensor term = to_tensor(world, random_values(seed, world.rank(), count, false));
  report.check(text("sum of random numbers, vectors of ", count, ", against double precision"),
               ring_error(world, seed, count, false), 1e-6);

  const Ledger before = runtime.ledger();
  const int64_t allocations = runtime.backend().allocations();
  Tensor sum = ring_all_reduce(world, PartialSum(term));
  const Ledger used = runtime.ledger().since(before);
  report.check("called again, the ring allocates nothing",
               runtime.backend().allocations() == allocations);
  const std::vector<float> mine = sum.to_host();
  world.broadcast(sum, 0);
  report.check("the same bits on every rank", mine == sum.to_host());

  const RingAllReduce ring(world, term);  // in each half of its steps all chunks but one are sent
  const int size = world.size(), rank = world.rank();
  const int64_t kept = ring.chunk((rank + 1) % size).size() + ring.chunk((rank + 2) % size).size();
  report.ledger(used);
  const int64_t sent = 2 * term.bytes() - 4 * kept;
  check_calls(report, text("2(t-1) = ", ring.steps(), " messages and no other collective"), used,
              {{.op = Collective::send_receive, .calls = ring.steps(), .bytes = sent}});
  report.check(text("about 2(t-1)/t of ", term.bytes(), " bytes sent: ", used.bytes()),
               used.bytes() == sent);
}

int main(int argc, char** argv) {
  int64_t max_bytes = int64_t{1} << 22;
  Options options("02_collectives", "collectives, and a ring all-reduce written by hand");
  options.size("--max-bytes", max_bytes, "largest vector that is timed; 67108864 for 64 MiB",
               16384);
  options.offer_picture(text("a ring all-reduce, of at most ", most_ranks_in_picture, " ranks"));
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    Communicator& world = runtime.world();
    require_memory(12.0 * static_cast<double>(max_bytes) * world.size(),
                   text("--max-bytes ", max_bytes, " × ranks ", world.size()));
    require_usage(options.picture.empty() || world.size() <= most_ranks_in_picture,
                  "--picture draws a ring of at most ", most_ranks_in_picture, " ranks, not of ",
                  world.size());
    show_collectives(world, report);
    show_groups(world, report);
    show_ring(world, report);
    if (!options.picture.empty()) draw_ring(runtime, report);
    check_ring(runtime, report);
    show_speed(runtime, report, max_bytes);
  });
}
