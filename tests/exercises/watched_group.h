// WatchedGroup: a communicator that reports when a sum is started and when it is waited for, and so
// proves an order of steps without measuring time. What is communicated is entered in the ledger of
// the group that it passes calls on to.
#pragma once
#include <cstring>
#include <functional>

#include "common/comm/communicator.h"
#include "common/tensor/ops.h"

namespace shard {

class WatchedGroup : public Communicator {
 public:
  struct Event {
    bool is_start;  // otherwise a wait
    int64_t sum;    // which one, from 1, in the order of the starts
    int64_t elements;
    bool touched = false;            // at a wait: the tensor was changed since the start
    std::vector<float> values = {};  // at a start: this rank's term
  };
  using Listener = std::function<void(const Event&)>;

  WatchedGroup(Communicator& group, Listener listener)
      : Communicator(group.backend(), own_ledger_, group.rank(), group.size(), group.name()),
        group_(group),
        listener_(std::move(listener)) {}

 protected:
  /// The sum is taken at once, in a copy: until the wait, the tensor always holds this rank's term.
  Started start_sum(const Call&, const Tensor& x) override {
    const int64_t number = ++sums_;
    auto work = std::make_unique<SumWork>();
    work->finish = [this, number, x = Tensor(x), term = x.to_host(),
                    sum = group_.all_reduce(PartialSum(x.clone()))]() mutable {
      const std::vector<float> now = x.to_host();
      const bool touched = std::memcmp(now.data(), term.data(), now.size() * sizeof(float)) != 0;
      copy(x, sum);
      listener_({false, number, x.elements(), touched});
    };
    listener_({true, number, x.elements(), false, x.to_host()});
    return work;
  }

  // All other collectives are complete when they return.
  Started start_max(const Call&, const Tensor& x) override {
    Tensor maximum = x;
    group_.all_reduce_max(maximum);
    return std::make_unique<SumWork>();
  }
  Started start_gather(const Call&, const Tensor& all, const Tensor& piece,
                       Counts counts) override {
    group_.all_gather_into(all.reshape({all.elements()}), piece.reshape({piece.elements()}),
                           counts);
    return std::make_unique<SumWork>();
  }
  Started start_scatter(const Call&, const Tensor& part, const Tensor& term, Counts) override {
    group_.reduce_scatter_into(part, PartialSum(term));
    return std::make_unique<SumWork>();
  }
  Started start_transpose(const Call&, const Tensor& in, const Tensor& out, Counts to,
                          Counts from) override {
    Tensor parts = in.reshape({in.elements()});
    copy(parts, group_.all_to_all(out.reshape({out.elements()}), to, from));
    return std::make_unique<SumWork>();
  }
  Started start_broadcast(const Call&, const Tensor& x, int root) override {
    Tensor everywhere = x;
    group_.broadcast(everywhere, root);
    return std::make_unique<SumWork>();
  }
  Started start_exchange(const Call&, const Tensor& out, int to, const Tensor& in,
                         int from) override {
    Tensor received = in;
    group_.send_receive(out, to, received, from);
    return std::make_unique<SumWork>();
  }
  Started move_messages(std::span<const Message> messages, std::span<const Call>) override {
    group_.start_messages({messages.begin(), messages.end()}).wait();
    return std::make_unique<SumWork>();
  }
  Started start_barrier(const Call&) override {
    group_.barrier();
    return std::make_unique<SumWork>();
  }
  std::unique_ptr<Communicator> make_part(const Call&, int color,
                                          const std::string& name) override {
    return group_.split(color, name);
  }
  std::vector<std::string> exchange_text(const Call&, const std::string& mine) override {
    return group_.gather_text(mine);
  }
  void announce(const Call&) override {}  // the group does
  bool compares() const override { return false; }

 private:
  struct SumWork : Work {
    std::function<void()> finish;
    void wait() override {
      if (finish) finish();
    }
  };

  Communicator& group_;
  Listener listener_;
  Ledger own_ledger_;
  int64_t sums_ = 0;
};

}  // namespace shard
