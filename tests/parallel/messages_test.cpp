// Messages between two ranks: with a number and a label, to nobody, to oneself, in both directions
// at once, and what --check-collectives finds.
#include "tests/parallel/collectives_support.h"
#include "tests/synchronous_sends.h"

using namespace shard;

namespace {

int size() { return world().size(); }
int rank() { return world().rank(); }
int next() { return rank() + 1 < size() ? rank() + 1 : Communicator::nobody; }
int previous() { return rank() > 0 ? rank() - 1 : Communicator::nobody; }

/// Runs `body` as it is, and with synchronous sends.
template <class Body>
void in_both_modes(Body body) {
  body();
  const SynchronousSends synchronous;
  body();
}

}  // namespace

TEST_CASE("messages: down a line of ranks, nobody before the first and behind the last") {
  in_both_modes([] {
    for (int64_t count : {int64_t{0}, int64_t{5}, megabytes}) {
      Tensor x = my_data({count});
      world().receive(x, previous(), "activation");
      CHECK(x.to_host() == data_of(0, count));  // the partner nobody: it is unchanged
      world().send(x, next(), "activation");
    }
  });
}

TEST_CASE("messages: several under way, waited for in another order, arrive in their own") {
  in_both_modes([] {
    const std::vector<int64_t> counts = {3, megabytes, 1, 1000};
    std::vector<Pending> sent, received;
    for (size_t i = 0; i < counts.size(); ++i) {
      const std::string label = text("micro-batch ", i);
      const Tensor in = Tensor::zeros(backend(), {counts[i]});
      received.push_back(world().start_receive(in, previous(), label));
      sent.push_back(world().start_send(my_data({counts[i]}), next(), label));
    }
    const bool first = rank() == 0;
    for (size_t i : {2, 0, 3, 1}) {
      const std::vector<float> none(static_cast<size_t>(counts[i]), 0.0f);
      CHECK(received[i].wait().to_host() == (first ? none : data_of(rank() - 1, counts[i])));
    }
    for (size_t i : {1, 3, 0, 2}) CHECK(sent[i].wait().to_host() == data_of(rank(), counts[i]));
  });
}

TEST_CASE("messages: both directions at once, with other sizes, and the received one is returned") {
  in_both_modes([] {
    const int partner = rank() ^ 1;
    const bool has_one = partner < size();
    const int to = has_one ? partner : Communicator::nobody;
    const int64_t mine = 1000 * rank() + 1, theirs = 1000 * partner + 1;
    const Tensor in = Tensor::zeros(backend(), {theirs});
    Pending pending = world().start_messages(
        {{.tensor = my_data({mine}), .partner = to, .is_sent = true, .label = Label("forward")},
         {.tensor = in, .partner = to, .is_sent = false, .label = Label("forward")}});
    if (has_one) CHECK(pending.wait().to_host() == data_of(partner, theirs));
  });
}

TEST_CASE("messages: a whole round with everybody, itself included, in one call") {
  in_both_modes([] {
    std::vector<Message> messages;
    std::vector<Tensor> arrived;
    for (int other = 0; other < size(); ++other) {
      arrived.push_back(Tensor(backend(), {10 * other + 1}));
      messages.push_back({.tensor = my_data({10 * rank() + 1}), .partner = other, .is_sent = true});
      messages.push_back({.tensor = arrived.back(), .partner = other, .is_sent = false});
    }
    world().start_messages(messages).wait();
    for (int other = 0; other < size(); ++other)
      CHECK(arrived[static_cast<size_t>(other)].to_host() == data_of(other, 10 * other + 1));
  });
}

TEST_CASE("messages: integers, and bf16 where the device computes in it") {
  const int from = (rank() + size() - 1) % size(), to = (rank() + 1) % size();
  const auto pass = [&](const Tensor& x, const Tensor& in) {
    return world()
        .start_messages({{.tensor = x, .partner = to, .is_sent = true},
                         {.tensor = in, .partner = from, .is_sent = false}})
        .wait();
  };
  CHECK(pass(indices({rank() + 50'000'007}), Tensor(backend(), {1}, DataType::i32)).to_host_int() ==
        std::vector<int32_t>{from + 50'000'007});
  if (!backend().computes_in(DataType::bf16)) return;
  CHECK(
      pass(cast(my_data({9}), DataType::bf16), Tensor(backend(), {9}, DataType::bf16)).to_host() ==
      data_of(from, 9));
}

TEST_CASE("messages: what is computed before is sent, and what is computed after sees it") {
  Tensor x = my_data({megabytes});
  scale(x, 2.0f);
  Pending sent = world().start_send(x, next());
  Tensor in = my_data({megabytes});
  if (rank() > 0) world().receive(in, previous());
  scale(in, 3.0f);
  std::vector<float> expected = data_of(std::max(rank() - 1, 0), megabytes);
  for (float& value : expected) value *= rank() > 0 ? 6.0f : 3.0f;
  CHECK(in.to_host() == expected);
  sent.wait();
}

TEST_CASE("messages: on a group, beside collectives, while other ranks do something else") {
  const std::unique_ptr<Communicator> group = world().split(0, "pp");
  if (rank() < 2 && size() > 1) {  // the others take no part, also in comparing
    Tensor x = my_data({7});
    if (rank() == 0) group->send(x, 1, "gradient");
    if (rank() == 1) group->receive(x, 0, "gradient");
    CHECK(x.to_host() == data_of(0, 7));
  }
  CHECK(group->all_reduce(PartialSum(my_data({5}))).to_host() == sum_of_all(5));
}

TEST_CASE("messages: the ledger counts each, and as sent only what leaves") {
  const Ledger before = ledger();
  Tensor x = my_data({6});
  world().receive(x, previous());
  world().send(x, next());
  const Ledger since = ledger().since(before);
  const bool first = rank() == 0, last = rank() == size() - 1;
  CHECK(since.calls(Collective::receive, "world") == (first ? 0 : 1));
  CHECK(since.calls(Collective::send, "world") == (last ? 0 : 1));
  CHECK(since.sent() == (last ? 0 : 24));
  CHECK(std::ssize(since.rows()) == !first + !last);
}

// ---- What is wrong ------------------------------------------------------------------------------

TEST_CASE("messages: ranks that do not exist, and halves of messages to oneself, are refused") {
  Tensor x = my_data({3});
  CHECK(message_of([&] { world().send(x, size()); }) ==
        text("send on world: there is no rank ", size(), " of ", size()));
  CHECK(message_of([&] { world().receive(x, -2); }) ==
        text("receive on world: there is no rank -2 of ", size()));
  CHECK(message_of([&] { world().send(x, rank()); }) ==
        text("messages on world: rank ", rank(),
             " must receive what it sends to itself in the same call"));
  CHECK(message_of([] { world().start_messages({}); }) ==
        "start_messages on world was given no message");
  const Tensor longer(backend(), {4});
  CHECK(message_of([&] {
          alone().start_messages({{.tensor = x, .partner = 0, .is_sent = true},
                                  {.tensor = longer, .partner = 0, .is_sent = false}});
        }) == "receive: rank 0 sent 3 of the 4 elements that rank 0 expects");
}

/// The message on rank 1 when it calls `mine` while rank 0 sends `theirs`. No other rank takes
/// part.
static std::string told_to_receiver(const Tensor& theirs, std::string_view their_label,
                                    const Tensor& mine, std::string_view my_label) {
  std::string told;
  const std::unique_ptr<Communicator> group = world().split(0, "pp");
  if (rank() == 0) group->start_send(theirs, 1, their_label).wait();
  if (rank() == 1) {
    told = message_of([&] {
      Pending pending = group->start_receive(mine, 0, my_label);
      pending.wait();
    });
  }
  return world().gather_text(told)[1];
}

TEST_CASE("messages: --check-collectives tells the receiver of another label, type or count") {
  if (size() < 2 || backend().device() != Device::cpu)
    return;  // a GPU's queue would keep the wrong message
  const Tensor three = my_data({3});
  CHECK(told_to_receiver(three, "micro-batch 3", three, "micro-batch 4") ==
        "two ranks of pp disagree about a message: rank 0: send of 3 f32 to rank 1 (#1, "
        "micro-batch 3), rank 1: receive of 3 f32 from rank 0 (#1, micro-batch 4)");
  CHECK(
      contains(told_to_receiver(indices({1, 2, 3}), "", three, ""),
               "rank 0: send of 3 i32 to rank 1 (#1), rank 1: receive of 3 f32 from rank 0 (#1)"));
  CHECK(contains(told_to_receiver(my_data({5}), "", three, ""), "send of 5 f32 to rank 1 (#1)"));
  CHECK(contains(told_to_receiver(my_data({2}), "", three, ""), "send of 2 f32 to rank 1 (#1)"));
}

TEST_CASE("messages: without it, MPI's receiver is told of another count") {
  if (size() < 2 || backend().device() != Device::cpu) return;
  session().configure({.timeout = 20});
  CHECK(told_to_receiver(my_data({5}), "", my_data({3}), "") ==
        "receive: rank 0 sent more than the 3 elements that rank 1 expects");
  CHECK(told_to_receiver(my_data({2}), "", my_data({3}), "") ==
        "receive: rank 0 sent 2 of the 3 elements that rank 1 expects");
  session().configure({.timeout = 20, .check_collectives = true});
}
