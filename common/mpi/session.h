// MpiSession: MPI from its start to its end. One object, made first in run() and destroyed last.
#pragma once
#include <memory>
#include <string>

#include "common/communicator.h"

namespace shard {

class StatusBoard;

/// How long a rank waits for others, and whether every collective is compared across its group first.
struct MpiSettings {
  double timeout = 120;
  bool check_collectives = false;
};

class MpiSession {
 public:
  MpiSession();
  /// Tells the others that this rank leaves, waits for them (within the time limit) and ends MPI. After an exception
  /// that nobody caught it ends all ranks at once instead: they could wait for this one forever.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// OMP_NUM_THREADS if it is set, else this rank's share of its node's cores, at least 1.
  int threads_per_rank() const;
  static std::string library();  // "Open MPI 4.1.4"

  void configure(double timeout, bool check_collectives) { settings_ = {timeout, check_collectives}; }
  /// All ranks as a group. The session must outlive it.
  std::unique_ptr<Communicator> world(Backend& backend, Ledger& ledger);
  /// This rank alone as a group.
  std::unique_ptr<Communicator> alone(Backend& backend, Ledger& ledger);
  /// Marks this rank as leaving, and waits a moment for rank 0 to do so, too. False if it does not.
  bool rank_0_leaves_too();
  /// Ends all ranks now, with this exit status.
  [[noreturn]] void abort(int status);

 private:
  int rank_ = 0, size_ = 1, ranks_on_node_ = 1;
  MpiSettings settings_;
  std::unique_ptr<StatusBoard> board_;
};

}  // namespace shard
