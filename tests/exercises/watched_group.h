// WatchedGroup: a communicator that reports when a sum or an exchange is started and when it is
// waited for, and so proves an order of steps without measuring time. It also finds out whether
// what was given to a collective is changed between its start and its wait.
#pragma once
#include <cstddef>
#include <functional>
#include <limits>
#include <utility>

#include "common/comm/forwarding_group.h"
#include "common/tensor/ops.h"

namespace shard {

class WatchedGroup : public ForwardingGroup {
 public:
  struct Event {
    bool is_start;   // otherwise a wait
    int64_t number;  // of the sum or of the exchange, from 1, in the order of the starts
    int64_t elements;
    std::vector<float> values = {};  // at the start of a sum: this rank's term
  };
  using Listener = std::function<void(const Event&)>;

  explicit WatchedGroup(
      Communicator& group, Listener listener = [](const Event&) {})
      : ForwardingGroup(group), listener_(std::move(listener)) {}

  void listen(Listener listener) { listener_ = std::move(listener); }
  /// `listener` is told of each all_gather and reduce_scatter.
  using RowsListener = std::function<void(Collective op, bool is_start)>;
  void listen_to_rows(RowsListener listener) { rows_listener_ = std::move(listener); }
  /// Told of send_receive, where `listen` is of all_reduce.
  void listen_to_exchanges(Listener listener) { exchange_listener_ = std::move(listener); }
  /// Whether a tensor was changed while a collective had it, since the last take_touched().
  bool touched() const { return touched_; }
  bool take_touched() { return std::exchange(touched_, false); }

 protected:
  /// The sum is taken at once, in a copy: until the wait, the tensor always holds this rank's term.
  Started start_sum(const Call&, const Tensor& x) override {
    const int64_t number = ++sums_;
    Tensor sum = group().all_reduce(PartialSum(x.clone()));
    listener_({true, number, x.elements(), x.to_host()});
    return watched(x, [this, number, x = Tensor(x), sum]() mutable {
      copy(x, sum);
      listener_({false, number, x.elements()});
    });
  }

  Started start_gather(const Call& call, const Tensor& all, const Tensor& piece,
                       Counts counts) override {
    ForwardingGroup::start_gather(call, all, piece, counts);
    return watched_rows(call.op, piece);
  }
  Started start_scatter(const Call& call, const Tensor& part, const Tensor& term,
                        Counts counts) override {
    ForwardingGroup::start_scatter(call, part, term, counts);
    return watched_rows(call.op, term);
  }

  /// What is sent leaves at once, in a copy; what comes arrives at the wait, and is NaN until then.
  Started start_exchange(const Call&, const Tensor& out, int to, const Tensor& in,
                         int from) override {
    const int64_t number = ++exchanges_;
    Tensor arrived(in.backend(), in.shape(), in.type()), place = in;
    const Tensor sent = out.clone();
    group().send_receive(sent, to, arrived, from);
    Started work = watched(out, [this, number, place, arrived]() mutable {
      copy(place, arrived);
      exchange_listener_({false, number, place.elements()});
    });
    if (in.type() != DataType::i32) fill(place, std::numeric_limits<float>::quiet_NaN());
    exchange_listener_({true, number, out.elements()});
    return work;
  }

 private:
  struct WatchedWork : Work {
    std::function<void()> finish;
    void wait() override { finish(); }
    bool poll() override { return true; }
  };

  /// Work that has `given` until the wait, and ends with `finish`.
  Started watched(
      const Tensor& given, std::function<void()> finish = [] {}) {
    auto work = std::make_unique<WatchedWork>();
    work->finish = [this, given, before = bytes_in(given), finish = std::move(finish)] {
      touched_ = touched_ || bytes_in(given) != before;
      finish();
    };
    return work;
  }
  Started watched_rows(Collective op, const Tensor& given) {
    rows_listener_(op, true);
    return watched(given, [this, op] { rows_listener_(op, false); });
  }
  static std::vector<std::byte> bytes_in(const Tensor& x) {
    const auto* first = x.data<std::byte>();
    return {first, first + x.bytes()};
  }

  Listener listener_;
  RowsListener rows_listener_ = [](Collective, bool) {};
  Listener exchange_listener_ = [](const Event&) {};
  int64_t sums_ = 0, exchanges_ = 0;
  bool touched_ = false;
};

}  // namespace shard
