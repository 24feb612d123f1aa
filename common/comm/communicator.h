// Communicator: a group of ranks, and the collectives and messages among them. mpi/, nccl/ and
// GroupOfOne implement it. A collective must be called by all ranks of the group, in the same
// order; a message concerns two ranks only. Each is entered in the ledger.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/comm/pending.h"

namespace shard {

/// One message, for start_messages.
struct Message {
  Tensor tensor;     // what is sent, or the place for what is received
  int partner;       // the rank to which, or from which; or nobody
  bool is_sent;      // or received
  Label label = {};  // what it is about, for messages and --check-collectives
};

/// A group of ranks, as one of them sees it. A collective is called by all of them, in the same
/// order, with tensors that fit. Otherwise it throws Error on the ranks that notice: at once for
/// arguments that cannot be right, before the call with --check-collectives, and after --timeout
/// seconds of waiting, saying what each rank did. The names and meanings are those of MPI 3.1
/// (chapters 3 and 5) and of NCCL. Each has a form that starts it and returns at once.
class Communicator {
 public:
  static constexpr int nobody = -1;    // as the partner of a message that is not to be sent
  static constexpr int no_group = -1;  // as the color of a rank that split leaves out

  virtual ~Communicator() = default;
  int rank() const { return rank_; }  // this process' number in the group: 0 … size()-1
  int size() const { return size_; }  // how many ranks the group has
  /// What the ledger and messages call it: "world", "tp", "dp".
  const std::string& name() const { return name_; }
  /// The device whose tensors this communicator moves.
  Backend& backend() const { return backend_; }
  Ledger& ledger() const { return ledger_; }  // where every collective of this rank is entered

  // ---- Collectives ------------------------------------------------------------------------------

  /// The sum of all ranks' terms, of any one shape, the same on every rank. The term's memory
  /// becomes the result's.
  Tensor all_reduce(const PartialSum& term);
  Pending start_all_reduce(const PartialSum& term);
  /// Elementwise maximum over the ranks, in place: x [any shape] becomes the same on every rank.
  void all_reduce_max(Tensor& x);

  /// All ranks' pieces one after the other, by rows: [r₀ × columns], [r₁ × columns], … → [Σr ×
  /// columns]; vectors likewise. `rows` names every rank's number of rows where they differ, and
  /// must be right about this rank's.
  /// `label` says in messages what is gathered.
  Tensor all_gather(const Tensor& piece, std::span<const int64_t> rows = {},
                    std::string_view label = "");
  Pending start_all_gather(const Tensor& piece, std::span<const int64_t> rows = {});
  /// The same into `all`, a tensor or a view of that shape. The piece may be its own place within
  /// `all`. Throws Error for another shape or type, and for a piece that overlaps other places.
  void all_gather_into(const Tensor& all, const Tensor& piece, std::span<const int64_t> rows = {});
  Pending start_all_gather_into(const Tensor& all, const Tensor& piece,
                                std::span<const int64_t> rows = {});

  /// Part `rank` (part_of) of the rows of the sum of all ranks' terms: [rows × columns] →
  /// [rows/size × columns]; vectors likewise.
  Tensor reduce_scatter(const PartialSum& sum);
  Pending start_reduce_scatter(const PartialSum& sum);
  /// The same into `part`, a tensor or a view of that shape, which may be the term's own part: the
  /// term's other parts stay as they are. Throws Error for another shape or type, and for one that
  /// overlaps other parts.
  void reduce_scatter_into(const Tensor& part, const PartialSum& sum);
  Pending start_reduce_scatter_into(const Tensor& part, const PartialSum& sum);

  /// Part j of x goes to rank j, and part i of the result is what rank i sent: x and the result
  /// are [rows × columns] in `size` equal parts by rows; vectors likewise. Throws Error for rows
  /// that cannot be cut into equal parts.
  Tensor all_to_all(const Tensor& x);
  Pending start_all_to_all(const Tensor& x);
  /// The same with parts of any sizes, 0 included: rows_to[j] rows of x go to rank j, one part
  /// after the other, and rows_from[i] rows come from rank i: [Σ rows_to × columns] → [Σ rows_from
  /// × columns]. What one rank sends must be what the other expects: --check-collectives says so
  /// where it is not. Who does not know what to expect asks exchange_rows before. `label` says in
  /// messages what is sent.
  Tensor all_to_all(const Tensor& x, std::span<const int64_t> rows_to,
                    std::span<const int64_t> rows_from, std::string_view label = "");
  Pending start_all_to_all(const Tensor& x, std::span<const int64_t> rows_to,
                           std::span<const int64_t> rows_from, std::string_view label = "");
  /// How many rows every rank will send to this one, if this one sends rows_to[j] to rank j: an
  /// all_to_all of i32 that waits for the device.
  std::vector<int64_t> exchange_rows(std::span<const int64_t> rows_to);

  /// Every rank's x becomes root's: of any one shape. Throws Error when there is no such rank.
  void broadcast(Tensor& x, int root);
  /// Sends `out` to rank `to` while receiving `in` from rank `from`, so that rings do not deadlock.
  /// All ranks call it. What one sends and what the other expects must be as many elements. Throws
  /// Error otherwise, and when there is no such rank.
  void send_receive(const Tensor& out, int to, Tensor& in, int from);
  Pending start_send_receive(const Tensor& out, int to, const Tensor& in, int from);
  /// Returns when every rank has called it, and every rank's device has done what it was given
  /// before.
  void barrier();

  // ---- Messages between two ranks ---------------------------------------------------------------
  // The messages from one rank to another arrive in the order in which they were started, and are
  // numbered in it. A rank may not count on a message being sent before its receiver has started
  // to receive it: MPI is free to wait, and NCCL does (MPI 3.1, section 3.5). On a GPU with NCCL,
  // messages start in the order of the program, each when the one before has been received:
  // those that ranks send each other must be given to one start_messages. Partner `nobody` does
  // nothing. --check-collectives compares count, type, number and label where a message is waited
  // for.

  void send(const Tensor& x, int to, std::string_view label = "");
  void receive(Tensor& x, int from, std::string_view label = "");  // x becomes what is sent
  Pending start_send(const Tensor& x, int to, std::string_view label = "");
  Pending start_receive(const Tensor& x, int from, std::string_view label = "");
  /// Several messages that progress together, whatever their order; wait() returns the first tensor
  /// that is received, or the first that is sent. A message to this rank itself must be received in
  /// the same call. Throws Error otherwise, and when there is no such rank.
  Pending start_messages(const std::vector<Message>& messages);

  // ---- Groups and host numbers ------------------------------------------------------------------

  /// The ranks that name the same color, in the order of their ranks here, as a group of their own,
  /// which must not outlive the backend and the ledger; nullptr for color no_group. Collective.
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

  using Counts = std::span<const int64_t>;  // elements, for each rank
  using Started = std::unique_ptr<Work>;

  // What an implementation provides: the collective itself, started. Arguments are checked already;
  // `call` is for messages.
  // x becomes the sum over the ranks
  virtual Started start_sum(const Call& call, const Tensor& x) = 0;
  virtual Started start_max(const Call& call, const Tensor& x) = 0;  // x becomes the maximum
  /// `all` becomes the pieces one after the other, counts[i] elements from rank i.
  virtual Started start_gather(const Call& call, const Tensor& all, const Tensor& piece,
                               Counts counts) = 0;
  /// `part` becomes the sum of counts[rank] elements of the terms, those behind the parts of the
  /// ranks before.
  virtual Started start_scatter(const Call& call, const Tensor& part, const Tensor& term,
                                Counts counts) = 0;
  /// to[j] elements of `out` go to rank j, and from[i] of `in` come from rank i, in rank order.
  virtual Started start_transpose(const Call& call, const Tensor& in, const Tensor& out, Counts to,
                                  Counts from) = 0;
  // x becomes root's
  virtual Started start_broadcast(const Call& call, const Tensor& x, int root) = 0;
  /// `out` goes to rank `to`, and `in` becomes what rank `from` sends.
  virtual Started start_exchange(const Call& call, const Tensor& out, int to, const Tensor& in,
                                 int from) = 0;
  /// One message or several, none to nobody: calls[i] is that of messages[i].
  virtual Started move_messages(std::span<const Message> messages, std::span<const Call> calls) = 0;
  virtual Started start_barrier(const Call& call) = 0;  // done when every rank has started it
  /// For split: nullptr for no_group.
  virtual std::unique_ptr<Communicator> make_part(const Call& call, int color,
                                                  const std::string& name) = 0;
  /// For gather_text.
  virtual std::vector<std::string> exchange_text(const Call& call, const std::string& mine) = 0;
  /// Tells the others what this rank is about to do and, with --check-collectives, that they do the
  /// same.
  virtual void announce(const Call& call) = 0;
  virtual bool compares() const = 0;  // whether --check-collectives is given

 private:
  friend class Pending;
  /// A collective that has been asked for: what it is, what it sends, its result, the tensors that
  /// it uses, and how it starts.
  struct Job {
    Call call;
    int64_t sent = 0;  // elements
    Tensor result = {};
    std::vector<Tensor> used = {};
    std::function<Started(const Call&)> start;
  };
  Tensor run(Job job);
  Pending start(Job job);
  Job sum_job(const PartialSum& term);
  Job gather_job(const Tensor& all, const Tensor& piece, std::span<const int64_t> rows);
  Job scatter_job(const Tensor& part, const PartialSum& sum);
  Job transpose_job(const Tensor& x, std::span<const int64_t> rows_to,
                    std::span<const int64_t> rows_from);
  Job exchange_job(const Tensor& out, int to, const Tensor& in, int from);
  void check_rows(const Tensor& piece, std::span<const int64_t> rows) const;
  Tensor place_for_all(const Tensor& piece, std::span<const int64_t> rows) const;
  Tensor place_for_part(const PartialSum& sum) const;
  std::vector<int64_t> equal_parts(const Tensor& x) const;
  std::vector<std::string> all_texts(const std::string& mine);
  void compare_rows(std::span<const int64_t> rows_to, std::span<const int64_t> rows_from);
  void check_messages(const std::vector<Message>& messages) const;
  Call call_of(const Message& message);
  void enter(Collective op, int64_t calls, int64_t bytes, int64_t sent, double host_seconds,
             std::shared_ptr<const DeviceTime> time);
  std::string detail_of(const Call& call) const;
  void is_at_home(const char* op, const Tensor& x) const;

  Backend& backend_;
  Ledger& ledger_;
  int rank_, size_;
  std::string name_;
  int64_t calls_ = 0;
  std::vector<int64_t> sent_, received_;  // messages so far, by partner
};

}  // namespace shard
