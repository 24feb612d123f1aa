// The communicator's messages between two ranks.
#include "common/base/clock.h"
#include "common/base/counted.h"
#include "common/comm/communicator.h"
#include "common/comm/trace.h"

namespace shard {

// ---- In a ring: all ranks send and receive ------------------------------------------------------

Communicator::Job Communicator::exchange_job(const Tensor& out, int to, const Tensor& in,
                                             int from) {
  is_at_home("send_receive", out);
  is_at_home("send_receive", in);
  require(to >= 0 && to < size_ && from >= 0 && from < size_, "send_receive on ", name_, ": to ",
          to, " and from ", from, " of ", counted(size_, "rank"));
  return {.call = {.op = Collective::send_receive,
                   .count = out.elements(),
                   .type = out.type(),
                   .uneven = true},
          .sent = to == rank_ ? 0 : out.elements(),
          .result = in,
          .used = {out},
          .start = [this, out, to, in, from](const Call& call) {
            return start_exchange(call, out, to, in, from);
          }};
}

void Communicator::send_receive(const Tensor& out, int to, Tensor& in, int from) {
  run(exchange_job(out, to, in, from));
}

Pending Communicator::start_send_receive(const Tensor& out, int to, const Tensor& in, int from) {
  return start(exchange_job(out, to, in, from));
}

// ---- Between two ranks --------------------------------------------------------------------------

void Communicator::send(const Tensor& x, int to, std::string_view label) {
  start_send(x, to, label).wait();
}

void Communicator::receive(Tensor& x, int from, std::string_view label) {
  start_receive(x, from, label).wait();
}

Pending Communicator::start_send(const Tensor& x, int to, std::string_view label) {
  return start_messages({{.tensor = x, .partner = to, .is_sent = true, .label = Label(label)}});
}

Pending Communicator::start_receive(const Tensor& x, int from, std::string_view label) {
  return start_messages({{.tensor = x, .partner = from, .is_sent = false, .label = Label(label)}});
}

void Communicator::check_messages(const std::vector<Message>& messages) const {
  require(!messages.empty(), "start_messages on ", name_, " was given no message");
  int to_itself = 0;
  for (const Message& message : messages) {
    const char* op = message.is_sent ? "send" : "receive";
    is_at_home(op, message.tensor);
    require(message.partner == nobody || (message.partner >= 0 && message.partner < size_), op,
            " on ", name_, ": there is no rank ", message.partner, " of ", size_);
    if (message.partner == rank_) to_itself += message.is_sent ? 1 : -1;
  }
  require(to_itself == 0, "messages on ", name_, ": rank ", rank_,
          " must receive what it sends to itself in the same call");
}

Call Communicator::call_of(const Message& message) {
  auto& numbers = message.is_sent ? sent_ : received_;
  return {.op = message.is_sent ? Collective::send : Collective::receive,
          .count = message.tensor.elements(),
          .type = message.tensor.type(),
          .number = ++numbers[static_cast<size_t>(message.partner)],
          .partner = message.partner,
          .label = message.label};
}

std::string Communicator::detail_of(const Call& call) const {
  const std::string words = call.label.words();
  return words.empty() ? name_ : name_ + ": " + words;
}

Pending Communicator::start_messages(const std::vector<Message>& messages) {
  check_messages(messages);
  const ProfilerRange range("start_messages");  // the timeline's bar is that of wait()
  const double begin = now();
  std::vector<Message> moved;
  std::vector<Call> calls;
  std::vector<Tensor> used;
  for (const Message& message : messages) {
    used.push_back(message.tensor);
    if (message.partner == nobody) continue;
    moved.push_back(message);
    calls.push_back(call_of(message));
  }
  if (moved.empty()) {
    const Call none{.op = messages[0].is_sent ? Collective::send : Collective::receive};
    return {*this, none, messages[0].tensor, {}, std::make_unique<DoneWork>()};
  }
  std::unique_ptr<Work> work = move_messages(moved, calls);
  const bool has_clock = work->time() != nullptr;  // then wait() enters the seconds
  const double each = has_clock ? 0.0 : (now() - begin) / static_cast<double>(calls.size());
  size_t first = 0;  // the first that is received, or else the first
  for (size_t i = 0; i < calls.size(); ++i) {
    const int64_t bytes = moved[i].tensor.bytes();
    const bool leaves = moved[i].is_sent && moved[i].partner != rank_;
    ledger_.add(calls[i].op, name_, 1, bytes, each, size_ > 1, leaves ? bytes : 0);
    if (!moved[i].is_sent && moved[first].is_sent) first = i;
  }
  return {*this, calls[first], moved[first].tensor, std::move(used), std::move(work)};
}

}  // namespace shard
