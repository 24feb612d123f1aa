// MessageCheck: what --check-collectives does for messages. The sender tells its receiver what it
// sends, and the receiver compares when it waits. Nobody else takes part, and no sender waits.
#pragma once
#include <memory>
#include <vector>

#include "common/mpi/mpi_group.h"

namespace shard {

/// MPI's tag of a message: a number of its own among those that are under way between two ranks.
int tag_of_message(const Call& call);
/// The same of a send_receive, which all ranks of a group number alike.
int tag_of_exchange(const Call& call);

/// A work that is compared before it is waited for.
class CheckedMessages : public Work {
 public:
  /// Tells what is sent, at once.
  CheckedMessages(MpiGroup& group, std::span<const Call> calls, std::unique_ptr<Work> work);
  ~CheckedMessages() override;
  /// Throws Unfinished, with both calls, where the sender's count, type or label is another.
  void wait() override;
  bool poll() override;
  void abandon() override { work_->abandon(); }
  std::shared_ptr<const DeviceTime> time() const override { return work_->time(); }

 private:
  struct Told {
    Call mine, theirs;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  MpiGroup& group_;
  std::vector<std::unique_ptr<Told>> expected_;
  std::unique_ptr<Work> work_;
};

}  // namespace shard
