// WatchedGroup: a communicator that reports when a sum is started and when it is waited for, and so
// proves an order of steps without measuring time. It also finds out whether what was given to a
// collective is changed between its start and its wait. What is communicated is entered in the
// ledger of the group that it passes calls on to.
#pragma once
#include <cstddef>
#include <functional>
#include <utility>

#include "common/comm/communicator.h"
#include "common/tensor/ops.h"

namespace shard {

class WatchedGroup : public Communicator {
 public:
  struct Event {
    bool is_start;  // otherwise a wait
    int64_t sum;    // which one, from 1, in the order of the starts
    int64_t elements;
    std::vector<float> values = {};  // at a start: this rank's term
  };
  using Listener = std::function<void(const Event&)>;

  explicit WatchedGroup(
      Communicator& group, Listener listener = [](const Event&) {})
      : Communicator(group.backend(), own_ledger_, group.rank(), group.size(), group.name()),
        group_(group),
        listener_(std::move(listener)) {}

  void listen(Listener listener) { listener_ = std::move(listener); }
  /// `listener` is told of each all_gather and reduce_scatter.
  using RowsListener = std::function<void(Collective op, bool is_start)>;
  void listen_to_rows(RowsListener listener) { rows_listener_ = std::move(listener); }
  /// Whether a tensor was changed while a collective had it, since the last take_touched().
  bool touched() const { return touched_; }
  bool take_touched() { return std::exchange(touched_, false); }

 protected:
  /// The sum is taken at once, in a copy: until the wait, the tensor always holds this rank's term.
  Started start_sum(const Call&, const Tensor& x) override {
    const int64_t number = ++sums_;
    Tensor sum = group_.all_reduce(PartialSum(x.clone()));
    listener_({true, number, x.elements(), x.to_host()});
    return watched(x, [this, number, x = Tensor(x), sum]() mutable {
      copy(x, sum);
      listener_({false, number, x.elements()});
    });
  }

  // All other collectives are complete when they return.
  Started start_max(const Call&, const Tensor& x) override {
    Tensor maximum = x;
    group_.all_reduce_max(maximum);
    return std::make_unique<DoneWork>();
  }
  Started start_gather(const Call& call, const Tensor& all, const Tensor& piece,
                       Counts counts) override {
    group_.all_gather_into(all.reshape({all.elements()}), piece.reshape({piece.elements()}),
                           call.uneven ? counts : Counts{});
    return watched_rows(call.op, piece);
  }
  Started start_scatter(const Call& call, const Tensor& part, const Tensor& term, Counts) override {
    group_.reduce_scatter_into(part, PartialSum(term));
    return watched_rows(call.op, term);
  }
  Started start_transpose(const Call&, const Tensor& in, const Tensor& out, Counts to,
                          Counts from) override {
    Tensor parts = in.reshape({in.elements()});
    copy(parts, group_.all_to_all(out.reshape({out.elements()}), to, from));
    return std::make_unique<DoneWork>();
  }
  Started start_broadcast(const Call&, const Tensor& x, int root) override {
    Tensor everywhere = x;
    group_.broadcast(everywhere, root);
    return std::make_unique<DoneWork>();
  }
  Started start_exchange(const Call&, const Tensor& out, int to, const Tensor& in,
                         int from) override {
    Tensor received = in;
    group_.send_receive(out, to, received, from);
    return std::make_unique<DoneWork>();
  }
  Started move_messages(std::span<const Message> messages, std::span<const Call>) override {
    group_.start_messages({messages.begin(), messages.end()}).wait();
    return std::make_unique<DoneWork>();
  }
  Started start_barrier(const Call& call) override {
    if (call.op == Collective::barrier) group_.barrier();  // split has its own in the group
    return std::make_unique<DoneWork>();
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

  Communicator& group_;
  Listener listener_;
  RowsListener rows_listener_ = [](Collective, bool) {};
  Ledger own_ledger_;
  int64_t sums_ = 0;
  bool touched_ = false;
};

}  // namespace shard
