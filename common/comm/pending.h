// Pending: a collective or a message under way, to be waited for.
#pragma once
#include <memory>
#include <vector>

#include "common/comm/call.h"

namespace shard {

class Communicator;

/// What an implementation has started. wait() returns when its result may be used; on a GPU it may
/// only order the streams.
class Work {
 public:
  virtual ~Work() = default;
  /// Until the result may be used. Throws Error when a partner does not come in time.
  virtual void wait() = 0;
  /// Does what can be done now, without waiting. Whether wait() would return at once.
  virtual bool poll() = 0;
  /// The program is ending: what is under way goes on, and nobody will ask for it again.
  virtual void abandon() {}
  /// Its own clock, where the host's time from the start to the end of wait() says nothing about
  /// it.
  virtual std::shared_ptr<const DeviceTime> time() const { return nullptr; }
};

/// Done when it was started; in the device's order of work, at least.
class DoneWork : public Work {
 public:
  void wait() override {}
  bool poll() override { return true; }
};

/// The result of what a communicator was asked to start. Between start and wait, no tensor that was
/// given to it may be written to, and what it will write may not be read; their memory is kept.
/// Nothing can be assigned to it: it would have to wait for what it was before.
/// Several may be waited for and polled in any order, which need not be the same on every rank.
class Pending {
 public:
  Pending(Pending&&) noexcept = default;
  Pending& operator=(Pending&&) = delete;
  ~Pending();  // waits if nobody has: the memory is in use until then
  /// The result: the sum, what was gathered, the part, what was received; of a send, what was sent.
  /// Throws Error when called twice, and when a rank does not come in time.
  Tensor wait();
  /// Lets it make progress, without waiting, and returns whether it is done: then wait() returns at
  /// once, and until then the result may not be read. Who computes for long calls it in between:
  /// MPI moves data only inside its calls, those of NCCL need it not. Throws Error after wait().
  bool poll();

 private:
  friend class Communicator;
  Pending(Communicator& group, const Call& call, Tensor result, std::vector<Tensor> used,
          std::unique_ptr<Work> work);
  Communicator* group_;
  Call call_;
  Tensor result_;
  std::vector<Tensor> used_;
  std::unique_ptr<Work> work_;
  double started_, done_ = 0;  // seconds of clock.h; done_: when poll() has seen it
};

/// A sum under way: start_all_reduce's result.
using PendingSum = Pending;

}  // namespace shard
