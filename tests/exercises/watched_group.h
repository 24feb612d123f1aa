// WatchedGroup: a communicator that tells when a sum is started and when it is waited for, and so
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
    bool touched = false;  // at a wait: the tensor was changed since the start
  };
  using Listener = std::function<void(const Event&)>;

  WatchedGroup(Communicator& group, Listener listener)
      : Communicator(group.backend(), own_ledger_, group.rank(), group.size(), group.name()),
        group_(group),
        listener_(std::move(listener)) {}

  std::unique_ptr<Communicator> make_part(int color, const std::string& name) override {
    return group_.split(color, name);
  }

 protected:
  /// The sum is taken at once, in a copy: until the wait, the tensor holds this rank's term,
  /// always.
  std::unique_ptr<Work> start_sum(Tensor& x) override {
    const int64_t number = ++sums_;
    auto work = std::make_unique<SumWork>();
    work->finish = [this, number, x, term = x.to_host(),
                    sum = group_.all_reduce(PartialSum(x.clone()))]() mutable {
      const std::vector<float> now = x.to_host();
      const bool touched = std::memcmp(now.data(), term.data(), now.size() * sizeof(float)) != 0;
      copy(x, sum);
      listener_({false, number, x.elements(), touched});
    };
    listener_({true, number, x.elements()});
    return work;
  }

  // All others are done when they return.
  std::unique_ptr<Work> start_max(Tensor& x) override {
    group_.all_reduce_max(x);
    return std::make_unique<SumWork>();
  }
  std::unique_ptr<Work> start_gather(Tensor& all, const Tensor& piece,
                                     std::span<const int64_t> counts) override {
    copy(all, group_.all_gather(piece.reshape({piece.elements()}), counts));
    return std::make_unique<SumWork>();
  }
  std::unique_ptr<Work> start_scatter(Tensor& part, const Tensor& term,
                                      std::span<const int64_t>) override {
    copy(part, group_.reduce_scatter(PartialSum(term)));
    return std::make_unique<SumWork>();
  }
  std::unique_ptr<Work> start_broadcast(Tensor& x, int root) override {
    group_.broadcast(x, root);
    return std::make_unique<SumWork>();
  }
  std::unique_ptr<Work> start_exchange(const Tensor& out, int to, Tensor& in, int from) override {
    group_.send_receive(out, to, in, from);
    return std::make_unique<SumWork>();
  }
  std::unique_ptr<Work> start_barrier() override {
    group_.barrier();
    return std::make_unique<SumWork>();
  }
  std::vector<std::string> exchange_text(const std::string& mine) override {
    return group_.gather_text(mine);
  }
  void announce(const Call&) override {}  // the group does

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
