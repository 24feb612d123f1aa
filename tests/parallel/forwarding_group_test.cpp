// ForwardingGroup: every call does what it does in the group that it is passed on to, whose ledger
// counts it.
#include "common/comm/forwarding_group.h"

#include "tests/parallel/collectives_support.h"

using namespace shard;

static int size() { return world().size(); }
static int rank() { return world().rank(); }

TEST_CASE("forwarding group: collectives and messages give what the group itself gives") {
  ForwardingGroup group(world());
  const std::vector<int64_t> rows = part_sizes(11, size());
  const int next = (rank() + 1) % size(), previous = (rank() + size() - 1) % size();
  const Tensor piece = my_data({rows[static_cast<size_t>(rank())], 3}), term = my_data({11, 3});
  const Ledger before = ledger();
  CHECK(group.all_reduce(PartialSum(term.clone())).to_host() == sum_of_all(33));
  CHECK(group.all_gather(piece, rows).to_host() == world().all_gather(piece, rows).to_host());
  CHECK(group.all_gather(term).rows() == 11 * size());
  CHECK(group.reduce_scatter(PartialSum(term)).to_host() ==
        rows_of(sum_of_all(33), part_of(11, size(), rank()), 3));
  const Tensor square = my_data({2 * size(), 3});
  CHECK(group.all_to_all(square).to_host() == world().all_to_all(square).to_host());
  Tensor told = my_data({5}), largest = my_data({5}), in(backend(), {7}), message(backend(), {7});
  group.broadcast(told, size() - 1);
  CHECK(told.to_host() == data_of(size() - 1, 5));
  group.all_reduce_max(largest);
  CHECK(largest.to_host()[0] == world().max_of(double(element(rank(), 0))));
  group.send_receive(my_data({7}), next, in, previous);
  CHECK(in.to_host() == data_of(previous, 7));
  group
      .start_messages({{.tensor = my_data({7}), .partner = next, .is_sent = true},
                       {.tensor = message, .partner = previous, .is_sent = false}})
      .wait();
  CHECK(message.to_host() == data_of(previous, 7));
  group.barrier();
  CHECK(group.sum_of(1) == size());
  const Ledger since = ledger().since(before);
  CHECK(since.calls(Collective::all_reduce, "world") == 1);
  CHECK(since.calls(Collective::all_gather, "world") == 3);
  CHECK(since.calls(Collective::send_receive, "world") == 1);
}

TEST_CASE("forwarding group: a part is one of the group") {
  ForwardingGroup group(world());
  const std::unique_ptr<Communicator> part = group.split(rank() % 2, "half");
  CHECK(part->name() == "half");
  CHECK(part->size() == (size() + (rank() % 2 == 0 ? 1 : 0)) / 2);
  CHECK(part->sum_of(rank() % 2) == part->size() * (rank() % 2));
}
