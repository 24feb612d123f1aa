// Communicator: a group of ranks and the collectives among them. mpi/, nccl/ and GroupOfOne
// implement it. Every collective must be called by all ranks of the group, in the same order; each
// is entered in the ledger.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/comm/ledger.h"
#include "common/tensor/tensor.h"

namespace shard {

class Communicator;

/// One call of a collective, as the other ranks of the group should see it too.
struct Call {
  Collective op;                  // which collective
  int64_t count = 0;              // elements of the tensor given to it, on this rank
  DataType type = DataType::f32;  // of these elements
  int64_t number = 0;             // of the calls on this communicator, from 1
  bool uneven = false;            // the count may differ between ranks
};
std::string to_string(const Call& call);  // as in "all_reduce of 128 f32 (#37)"

/// What send_receive demands of a message from rank `from` to rank `to`. Throws Error otherwise.
void require_fit(int from, int64_t sent, int to, int64_t expected);

/// A collective under way. wait() returns when its result may be used; on a GPU it may only order
/// the streams.
class Work {
 public:
  virtual ~Work() = default;
  virtual void
  wait() = 0;  // until the result may be used; throws Error when a partner does not come in time
  /// The collective's own clock, where the host's time from the start to the end of wait() says
  /// nothing about it.
  virtual std::shared_ptr<const DeviceTime> time() const { return nullptr; }
};

/// A sum under way: start_all_reduce's result. Between start and wait the tensor must not be
/// touched.
class PendingSum {
 public:
  PendingSum(PendingSum&&) noexcept = default;  // handed on; who has it waits
  PendingSum& operator=(PendingSum&&) = delete;
  ~PendingSum();  // waits if nobody has: the term's memory is in use until then
  /// The sum, of the term's shape, the same on every rank. Throws Error when called twice, and when
  /// a rank does not come in time.
  Tensor wait();

 private:
  friend class Communicator;
  PendingSum(Communicator& group, const PartialSum& term, std::unique_ptr<Work> work);
  Communicator* group_;
  Tensor term_;
  std::unique_ptr<Work> work_;
};

/// A group of ranks, as one of them sees it. What it does together is collective: all ranks call
/// it, in the same order, with tensors that fit. Otherwise it throws Error on the ranks that
/// notice: at once for arguments that cannot be right, before the call with --check-collectives,
/// and after --timeout seconds of waiting, saying what each rank did. The names and meanings are
/// those of MPI 3.1 (chapter 5) and of NCCL.
class Communicator {
 public:
  virtual ~Communicator() = default;
  int rank() const { return rank_; }  // this process' number in the group: 0 … size()-1
  int size() const { return size_; }  // how many ranks the group has
  const std::string& name() const {
    return name_;
  }  // what the ledger and messages call it: "world", "tp", "dp"
  /// The device whose tensors this communicator moves.
  Backend& backend() const { return backend_; }
  Ledger& ledger() const { return ledger_; }  // where every collective of this rank is entered

  /// The sum of all ranks' terms, of any one shape, the same on every rank. The term's memory
  /// becomes the result's.
  Tensor all_reduce(const PartialSum& term);
  /// The same, returning at once: compute something else, then wait.
  PendingSum start_all_reduce(const PartialSum& term);
  /// Elementwise maximum over the ranks, in place: x [any shape] becomes the same on every rank.
  void all_reduce_max(Tensor& x);
  /// All ranks' pieces one after the other, by rows: [r₀ × columns], [r₁ × columns], … → [Σr ×
  /// columns]; vectors likewise. `rows` names every rank's number of rows where they differ, and
  /// must be right about this rank's.
  Tensor all_gather(const Tensor& piece, std::span<const int64_t> rows = {});
  /// Part `rank` (part_of) of the rows of the sum of all ranks' terms: [rows × columns] →
  /// [rows/size × columns].
  Tensor reduce_scatter(const PartialSum& sum);
  /// Every rank's x becomes root's: of any one shape. Throws Error when there is no such rank.
  void broadcast(Tensor& x, int root);
  /// Sends `out` to rank `to` while receiving `in` from rank `from`, so that rings do not deadlock.
  /// What one sends and what the other expects must be as many elements. Throws Error otherwise,
  /// and when there is no such rank.
  void send_receive(const Tensor& out, int to, Tensor& in, int from);
  /// Returns when every rank has called it, and every rank's device has done what it was given
  /// before.
  void barrier();

  /// The ranks that name the same color, in the order of their ranks here, as a group of their own,
  /// which must not outlive the backend and the ledger. Collective.
  std::unique_ptr<Communicator> split(int color, const std::string& name);
  /// Every rank's text, in rank order, on every rank. For verdicts and reports: host only, not in
  /// the ledger.
  std::vector<std::string> gather_text(const std::string& mine);
  /// Maximum over the ranks of a host number, the same way. NaN on one rank is NaN on all.
  double max_of(double value);
  /// Sum over the ranks of a host number, the same way.
  double sum_of(double value);

 protected:
  /// For implementations: this rank's number, and how many there are. Backend and ledger must
  /// outlive it.
  Communicator(Backend& backend, Ledger& ledger, int rank, int size, std::string name);

  // What an implementation provides: the collective itself, started. Arguments are checked already.
  virtual std::unique_ptr<Work> start_sum(Tensor& x) = 0;  // x becomes the sum over the ranks
  virtual std::unique_ptr<Work> start_max(Tensor& x) = 0;  // x becomes the maximum over the ranks
  /// `all` becomes the pieces one after the other, counts[i] elements from rank i.
  virtual std::unique_ptr<Work> start_gather(Tensor& all, const Tensor& piece,
                                             std::span<const int64_t> counts) = 0;
  /// `part` becomes the sum of counts[rank] elements of the terms, those behind the parts of the
  /// ranks before.
  virtual std::unique_ptr<Work> start_scatter(Tensor& part, const Tensor& term,
                                              std::span<const int64_t> counts) = 0;
  virtual std::unique_ptr<Work> start_broadcast(Tensor& x, int root) = 0;  // x becomes root's
  /// `out` goes to rank `to`, and `in` becomes what rank `from` sends.
  virtual std::unique_ptr<Work> start_exchange(const Tensor& out, int to, Tensor& in, int from) = 0;
  virtual std::unique_ptr<Work> start_barrier() = 0;  // done when every rank has started it
  virtual std::unique_ptr<Communicator> make_part(int color,
                                                  const std::string& name) = 0;  // for split
  virtual std::vector<std::string> exchange_text(const std::string& mine) = 0;   // for gather_text
  /// Tells the others what this rank is about to do and, with --check-collectives, that they do the
  /// same.
  virtual void announce(const Call& call) = 0;

 private:
  friend class PendingSum;
  /// Announces, runs and enters into the ledger one collective that starts and ends here.
  template <class Start>
  void run(Call call, Start start);
  void enter(Collective op, int64_t calls, int64_t bytes, double host_seconds,
             std::shared_ptr<const DeviceTime> time);
  void is_at_home(const char* op, const Tensor& x) const;

  Backend& backend_;
  Ledger& ledger_;
  int rank_, size_;
  std::string name_;
  int64_t calls_ = 0;
};

}  // namespace shard
