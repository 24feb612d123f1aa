// MpiSession: MPI from its start to its end. One object, made first in run() and destroyed last.
#pragma once
#include <functional>
#include <memory>
#include <string>

namespace shard {

class MpiGroup;
class StatusBoard;

struct MpiSettings {
  double timeout = 120;            // seconds that a rank waits for others
  bool check_collectives = false;  // every collective is compared across its group first
  /// No message is sent before its receiver has started to receive it. Otherwise MPI sends short
  /// ones at once, and a deadlock shows only with long ones.
  bool synchronous_sends = false;
};

class MpiSession {
 public:
  MpiSession();
  /// Tells the others that this rank leaves, waits for them (within the time limit) and ends MPI.
  /// After an exception that nobody caught it ends all ranks at once instead: they could wait for
  /// this one forever.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int rank_on_node() const { return rank_on_node_; }
  int ranks_on_node() const { return ranks_on_node_; }
  /// OMP_NUM_THREADS if it is set, else this rank's share of its node's cores, at least 1.
  int threads_per_rank() const;
  static bool is_first();        // whether this is rank 0, told before MPI has started
  static std::string library();  // "Open MPI 4.1.4"

  void configure(const MpiSettings& settings) { settings_ = settings; }
  /// Whether all ranks say true. Collective.
  bool all_agree(bool mine) const;
  /// How many different texts the ranks of this node say. Collective over all ranks.
  int different_on_node(const std::string& mine) const;
  /// All ranks as a group. The session must outlive it.
  std::unique_ptr<MpiGroup> world_group();
  /// Tells the others that this rank takes part in no collective any more.
  void leaves();
  /// Says so, and waits a moment for rank 0 to do it, too. False if it does not.
  bool rank_0_leaves_too();
  /// Ends all ranks now, with this exit status.
  [[noreturn]] void abort(int status);

 private:
  /// Asks done() until it says true. Throws Error after the time limit.
  void wait(const std::function<bool()>& done) const;

  int rank_ = 0, size_ = 1, rank_on_node_ = 0, ranks_on_node_ = 1;
  int node_ = 0;  // its first rank
  MpiSettings settings_;
  std::unique_ptr<StatusBoard> board_;
};

}  // namespace shard
