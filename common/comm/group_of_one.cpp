#include "common/comm/group_of_one.h"

#include "common/tensor/ops.h"

namespace shard {

static std::unique_ptr<Work> done() { return std::make_unique<DoneWork>(); }

static std::unique_ptr<Work> copied(Tensor to, const Tensor& from) {
  if (to.address() != from.address()) copy(to, from);
  return done();
}

std::unique_ptr<Work> GroupOfOne::start_sum(const Call&, const Tensor&) { return done(); }

std::unique_ptr<Work> GroupOfOne::start_max(const Call&, const Tensor&) { return done(); }

std::unique_ptr<Work> GroupOfOne::start_gather(const Call&, const Tensor& all, const Tensor& piece,
                                               Counts) {
  return copied(all, piece);
}

std::unique_ptr<Work> GroupOfOne::start_scatter(const Call&, const Tensor& part, const Tensor& term,
                                                Counts) {
  return copied(part, term);
}

std::unique_ptr<Work> GroupOfOne::start_transpose(const Call& call, const Tensor& in,
                                                  const Tensor& out, Counts, Counts) {
  require_fit(call.op, 0, out.elements(), 0, in.elements());
  return copied(in, out);
}

std::unique_ptr<Work> GroupOfOne::start_broadcast(const Call&, const Tensor&, int) {
  return done();
}

std::unique_ptr<Work> GroupOfOne::start_exchange(const Call& call, const Tensor& out, int,
                                                 const Tensor& in, int) {
  require_fit(call.op, 0, out.elements(), 0, in.elements());
  return copied(in, out);
}

/// The n-th that is sent is the n-th that is received.
std::unique_ptr<Work> GroupOfOne::move_messages(std::span<const Message> messages,
                                                std::span<const Call>) {
  std::vector<Tensor> sent, received;
  for (const Message& message : messages)
    (message.is_sent ? sent : received).push_back(message.tensor);
  for (size_t i = 0; i < sent.size(); ++i) {
    require_fit(Collective::receive, 0, sent[i].elements(), 0, received[i].elements());
    copied(received[i], sent[i]);
  }
  return done();
}

std::unique_ptr<Work> GroupOfOne::start_barrier(const Call&) { return done(); }

std::unique_ptr<Communicator> GroupOfOne::make_part(const Call&, int color,
                                                    const std::string& name) {
  if (color == no_group) return nullptr;
  return std::make_unique<GroupOfOne>(backend(), ledger(), name);
}

}  // namespace shard
