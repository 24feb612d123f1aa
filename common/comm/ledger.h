// The ledger: what a process has communicated. Programs print it, tests assert on it.
//
// It counts the bytes given to each collective and those that are then sent, because they differ:
// on t ranks an all_reduce is given n bytes and sends 2(t-1)/t·n, while the reduce_scatter and the
// all_gather of which it consists are given n and n/t, and send (t-1)/t·n each.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shard {

/// What a communicator can do.
enum class Collective {
  all_reduce,
  all_reduce_max,
  all_gather,
  reduce_scatter,
  broadcast,
  send_receive,
  all_to_all,
  send,
  receive,
  barrier,
  gather_text,  // this and those below concern the host only: they are not in the ledger
  split,
  connect,
};

std::string to_string(Collective op);  // as in "all_reduce"

/// All calls of one collective in one group.
struct LedgerRow {
  Collective op;        // which collective
  std::string group;    // the communicator's name: "tp", "dp", …
  int64_t calls = 0;    // how many
  int64_t bytes = 0;    // of the tensor that was given to the collective, on this rank; of a
                        // receive, of the tensor that is expected
  int64_t sent = 0;     // bytes that this rank then sends to others: by the ring algorithm, in
                        // which an all_reduce sends 2(t-1)/t of its tensor, or directly
  double seconds = 0;   // that this rank spent starting it and waiting for it; with NCCL, that its
                        // GPU spent in it
  bool travels = true;  // false in a group of one rank, where nothing is sent
};

/// The seconds of something that a device does behind the host's back.
class DeviceTime {
 public:
  virtual ~DeviceTime() = default;
  virtual bool is_known() const = 0;   // whether the device is done
  virtual double seconds() const = 0;  // waits until they are known
  virtual double begin() const = 0;    // when they began: seconds of clock.h, once they are known
};

/// It may hold times that are not known yet: they are waited for when seconds are asked for.
class Ledger {
 public:
  // Defined in ledger.cpp: inline, they would be compiled again in every file that copies one.
  Ledger();
  Ledger(const Ledger& other);
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(const Ledger& other);
  Ledger& operator=(Ledger&& other) noexcept;
  ~Ledger();

  /// Adds to the row of this collective in this group: calls, bytes on this rank, and seconds.
  void add(Collective op, std::string_view group, int64_t calls, int64_t bytes, double seconds,
           bool travels = true, int64_t sent = 0);
  /// The same with seconds that will be known later.
  void add(Collective op, std::string_view group, int64_t calls, int64_t bytes,
           std::shared_ptr<const DeviceTime> time, int64_t sent = 0);
  const std::vector<LedgerRow>& rows() const;  // in the order of their first calls

  /// What was added after `earlier`, a copy of this ledger, was taken.
  Ledger since(const Ledger& earlier) const;

  /// Calls of one collective in all groups, or in one.
  int64_t calls(Collective op, std::string_view group = "") const;
  int64_t calls() const;   // of all collectives
  int64_t bytes() const;   // given to all collectives
  int64_t sent() const;    // bytes sent in all collectives
  double seconds() const;  // of all collectives

  /// `listener` is told of each call that a communicator of this ledger has done, with the bytes
  /// given to it on this rank: also of gather_text, which no row counts.
  using Listener = std::function<void(Collective op, int64_t bytes)>;
  void listen(Listener listener) { listener_ = std::move(listener); }
  void tell(Collective op, int64_t bytes) const {
    if (listener_) listener_(op, bytes);
  }

 private:
  struct Pending {
    Collective op;
    std::string group;
    std::shared_ptr<const DeviceTime> time;
    double sign;
  };
  LedgerRow& row_of(Collective op, std::string_view group, bool travels = true) const;
  void settle_oldest() const;

  mutable std::vector<LedgerRow> rows_;
  mutable std::deque<Pending> pending_;  // in the order in which they will be known
  Listener listener_;
};

}  // namespace shard
