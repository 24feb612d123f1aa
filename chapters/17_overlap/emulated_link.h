// EmulatedLink: a group whose transfers take the time of a network card, which moves data while the
// cores are free. Between processes of one machine a core copies it instead.
#pragma once
#include "common/comm/forwarding_group.h"

namespace shard::chapter_17 {

struct LinkSpeed {
  double latency = 20e-6;         // seconds that each transfer takes at least
  double bytes_per_second = 2e9;  // that this rank sends
};

/// Gathers, scatters and exchanges take this time for the bytes that this rank sends, one after the
/// other, from their start. Only then `group` moves the data, the latest that MPI allows: a buffer
/// that is reused too early has other values by then.
class EmulatedLink : public ForwardingGroup {
 public:
  EmulatedLink(Communicator& group, const LinkSpeed& speed)
      : ForwardingGroup(group, "link"), speed_(speed) {}

 protected:
  Started start_gather(const Call& call, const Tensor& all, const Tensor& piece,
                       Counts counts) override;
  Started start_scatter(const Call& call, const Tensor& part, const Tensor& term,
                        Counts counts) override;
  Started start_exchange(const Call& call, const Tensor& out, int to, const Tensor& in,
                         int from) override;

 private:
  Started after(int64_t bytes, std::function<Pending()> start);

  LinkSpeed speed_;
  double free_at_ = 0;  // seconds of clock.h: when all is sent that it was given so far
};

}  // namespace shard::chapter_17
