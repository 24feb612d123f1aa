// Communicator: a group of ranks and the collectives among them. mpi/ and nccl/ implement it.
// Every collective must be called by all ranks of the group, in the same order; each is entered in the ledger.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/ledger.h"
#include "common/tensor.h"

namespace shard {

class Communicator;

/// One call of a collective, as the other ranks of the group should see it too.
struct Call {
  Collective op;
  int64_t count = 0;  // elements of the tensor given to it, on this rank
  DataType type = DataType::f32;
  int64_t number = 0;   // of the calls on this communicator, from 1
  bool uneven = false;  // the count may differ between ranks
};
std::string to_string(const Call& call);  // "all_reduce of 128 f32 (#37)"

/// A collective under way. wait() returns when its result may be used; on a GPU it may only order the streams.
class Work {
 public:
  virtual ~Work() = default;
  virtual void wait() = 0;
};

/// A sum under way: start_all_reduce's result. Between start and wait the tensor must not be touched.
class PendingSum {
 public:
  PendingSum(PendingSum&&) noexcept = default;
  PendingSum& operator=(PendingSum&&) = delete;
  ~PendingSum();  // waits if nobody has: the term's memory is in use until then
  Tensor wait();

 private:
  friend class Communicator;
  PendingSum(Communicator& group, const PartialSum& term, std::unique_ptr<Work> work);
  Communicator* group_;
  Tensor term_;
  std::unique_ptr<Work> work_;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& name() const { return name_; }
  /// The device whose tensors this communicator moves.
  Backend& backend() const { return backend_; }
  Ledger& ledger() const { return ledger_; }

  /// The sum of all ranks' terms, the same on every rank. The term's memory becomes the result's.
  Tensor all_reduce(const PartialSum& term);
  /// The same, returning at once: compute something else, then wait.
  PendingSum start_all_reduce(const PartialSum& term);
  /// Elementwise maximum over the ranks, in place.
  void all_reduce_max(Tensor& x);
  /// All ranks' pieces one after the other, by rows: [r₀ × columns], [r₁ × columns], … → [Σr × columns]; vectors
  /// likewise. `rows` names every rank's number of rows where they differ.
  Tensor all_gather(const Tensor& piece, std::span<const int64_t> rows = {});
  /// Part `rank` (part_of) of the rows of the sum of all ranks' terms: [rows × columns] → [rows/size × columns].
  Tensor reduce_scatter(const PartialSum& sum);
  /// Every rank's x becomes root's.
  void broadcast(Tensor& x, int root);
  /// Sends `out` to rank `to` while receiving `in` from rank `from`. Shapes of sender and receiver must agree.
  void send_receive(const Tensor& out, int to, Tensor& in, int from);
  /// Returns when every rank has called it.
  void barrier();

  /// The ranks that name the same color, in the order of their ranks here, as a group of their own. Collective.
  std::unique_ptr<Communicator> split(int color, const std::string& name);
  /// Every rank's text, in rank order, on every rank. For verdicts and reports: host only, not in the ledger.
  std::vector<std::string> gather_text(const std::string& mine);
  /// Maximum and sum over the ranks of a host number, the same way. NaN on one rank is NaN on all.
  double max_of(double value);
  double sum_of(double value);

 protected:
  Communicator(Backend& backend, Ledger& ledger, int rank, int size, std::string name);

  // What an implementation provides: the collective itself, started. Arguments are checked already.
  virtual std::unique_ptr<Work> start_sum(Tensor& x) = 0;
  virtual std::unique_ptr<Work> start_max(Tensor& x) = 0;
  virtual std::unique_ptr<Work> start_gather(Tensor& all, const Tensor& piece, std::span<const int64_t> counts) = 0;
  virtual std::unique_ptr<Work> start_scatter(Tensor& part, const Tensor& term, std::span<const int64_t> counts) = 0;
  virtual std::unique_ptr<Work> start_broadcast(Tensor& x, int root) = 0;
  virtual std::unique_ptr<Work> start_exchange(const Tensor& out, int to, Tensor& in, int from) = 0;
  virtual std::unique_ptr<Work> start_barrier() = 0;
  virtual std::unique_ptr<Communicator> make_part(int color, const std::string& name) = 0;
  virtual std::vector<std::string> exchange_text(const std::string& mine) = 0;
  /// Tells the others what this rank is about to do and, with --check-collectives, that they do the same.
  virtual void announce(const Call& call) = 0;

 private:
  friend class PendingSum;
  /// Announces, runs and enters into the ledger one collective that starts and ends here.
  template <class Start>
  void run(Call call, Start start);
  void is_at_home(const char* op, const Tensor& x) const;

  Backend& backend_;
  Ledger& ledger_;
  int rank_, size_;
  std::string name_;
  int64_t calls_ = 0;
};

}  // namespace shard
