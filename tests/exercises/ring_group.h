// RingGroup: a group in which a rank sends to its right neighbour and receives from its left one.
#pragma once
#include "tests/exercises/watched_group.h"

namespace shard {

class RingGroup : public WatchedGroup {
 public:
  explicit RingGroup(Communicator& group) : WatchedGroup(group) {}

 protected:
  /// Throws Error, before anybody waits, where a message is for or from another rank.
  Started start_exchange(const Call& call, const Tensor& out, int to, const Tensor& in,
                         int from) override {
    require_neighbour("sends to", to, "rank + 1", 1);
    require_neighbour("receives from", from, "rank - 1", size() - 1);
    return WatchedGroup::start_exchange(call, out, to, in, from);
  }
  Started move_messages(std::span<const Message> messages, std::span<const Call> calls) override {
    for (const Message& message : messages) {
      if (message.is_sent)
        require_neighbour("sends to", message.partner, "rank + 1", 1);
      else
        require_neighbour("receives from", message.partner, "rank - 1", size() - 1);
    }
    return WatchedGroup::move_messages(messages, calls);
  }

 private:
  void require_neighbour(const char* verb, int rank_used, const char* name, int distance) const {
    const int neighbour = (rank() + distance) % size();
    require(rank_used == neighbour, "rank ", rank(), " ", verb, " rank ", rank_used, " instead of ",
            name, ", which is rank ", neighbour);
  }
};

}  // namespace shard
