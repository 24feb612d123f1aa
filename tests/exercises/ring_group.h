// RingGroup: a group in which a rank sends to its right neighbour and receives from its left one.
#pragma once
#include "tests/exercises/watched_group.h"

namespace shard {

class RingGroup : public WatchedGroup {
 public:
  explicit RingGroup(Communicator& group)
      : WatchedGroup(group, group.backend(), [](const Event&) {}) {}

 protected:
  /// Throws Error, before anybody waits, where a message is for or from another rank.
  Started start_exchange(const Call& call, const Tensor& out, int to, const Tensor& in,
                         int from) override {
    require_neighbour("send to", to, "rank + 1", 1);
    require_neighbour("receive from", from, "rank - 1", size() - 1);
    return WatchedGroup::start_exchange(call, out, to, in, from);
  }
  Started move_messages(std::span<const Message> messages, std::span<const Call> calls) override {
    for (const Message& message : messages) {
      if (message.is_sent)
        require_neighbour("send to", message.partner, "rank + 1", 1);
      else
        require_neighbour("receive from", message.partner, "rank - 1", size() - 1);
    }
    return WatchedGroup::move_messages(messages, calls);
  }

 private:
  void require_neighbour(const char* verb, int rank_used, const char* name, int distance) const {
    const int neighbour = (rank() + distance) % size();
    require(rank_used == neighbour, "you ", verb, " rank ", rank_used, " on rank ", rank(), ": ",
            name, " was asked for, which is rank ", neighbour);
  }
};

}  // namespace shard
