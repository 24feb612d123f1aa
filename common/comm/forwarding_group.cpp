#include "common/comm/forwarding_group.h"

#include "common/tensor/ops.h"

namespace shard {

static std::unique_ptr<Work> done() { return std::make_unique<DoneWork>(); }

std::unique_ptr<Work> ForwardingGroup::start_sum(const Call&, const Tensor& x) {
  group_.all_reduce(PartialSum(x));
  return done();
}

std::unique_ptr<Work> ForwardingGroup::start_max(const Call&, const Tensor& x) {
  Tensor maximum = x;
  group_.all_reduce_max(maximum);
  return done();
}

std::unique_ptr<Work> ForwardingGroup::start_gather(const Call& call, const Tensor& all,
                                                    const Tensor& piece, Counts counts) {
  group_.all_gather_into(all.reshape({all.elements()}), piece.reshape({piece.elements()}),
                         call.uneven ? counts : Counts{});
  return done();
}

/// The parts are whole rows, which the terms have here, too.
std::unique_ptr<Work> ForwardingGroup::start_scatter(const Call&, const Tensor& part,
                                                     const Tensor& term, Counts) {
  group_.reduce_scatter_into(part, PartialSum(term));
  return done();
}

std::unique_ptr<Work> ForwardingGroup::start_transpose(const Call&, const Tensor& in,
                                                       const Tensor& out, Counts to, Counts from) {
  Tensor parts = in.reshape({in.elements()});
  copy(parts, group_.all_to_all(out.reshape({out.elements()}), to, from));
  return done();
}

std::unique_ptr<Work> ForwardingGroup::start_broadcast(const Call&, const Tensor& x, int root) {
  Tensor everywhere = x;
  group_.broadcast(everywhere, root);
  return done();
}

std::unique_ptr<Work> ForwardingGroup::start_exchange(const Call&, const Tensor& out, int to,
                                                      const Tensor& in, int from) {
  Tensor received = in;
  group_.send_receive(out, to, received, from);
  return done();
}

std::unique_ptr<Work> ForwardingGroup::move_messages(std::span<const Message> messages,
                                                     std::span<const Call>) {
  group_.start_messages({messages.begin(), messages.end()}).wait();
  return done();
}

/// A split has its own barrier in the group that is split.
std::unique_ptr<Work> ForwardingGroup::start_barrier(const Call& call) {
  if (call.op == Collective::barrier) group_.barrier();
  return done();
}

std::unique_ptr<Communicator> ForwardingGroup::make_part(const Call&, int color,
                                                         const std::string& name) {
  return group_.split(color, name);
}

std::vector<std::string> ForwardingGroup::exchange_text(const Call&, const std::string& mine) {
  return group_.gather_text(mine);
}

}  // namespace shard
