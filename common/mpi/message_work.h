// MessageWork: messages to and from other ranks, which progress together.
#pragma once
#include "common/mpi/host_work.h"

namespace shard {

/// Sends and receives whole tensors. On a GPU it also progresses while its rank waits for something
/// else: a partner may wait for a message that is waited for later here.
class MessageWork : public HostWork, public InBackground {
 public:
  /// calls[i] is that of messages[i]; its number tells it from other messages of the two ranks.
  MessageWork(MpiGroup& group, std::span<const Message> messages, std::span<const Call> calls);
  void wait() override;
  void progress() override;
  void abandon() override { stop_progress(); }

 protected:
  bool advance() override;

 private:
  struct Part {
    Message message;
    Call call;
    HostTensor place;
    MPI_Request request = MPI_REQUEST_NULL;
    bool is_done = false;
    int result = MPI_SUCCESS;  // of MPI_Test
    int64_t received = 0;      // elements
  };
  void post(Part& part);
  void test(Part& part);
  void show_first_open();

  std::vector<Part> parts_;
  Mark fetched_, put_back_;
  bool posted_ = false, is_done_ = false, waits_ = false;
  const Part* shown_ = nullptr;
};

/// The call that stands for several messages in a message to the user: the first that is received,
/// or else the first.
const Call& main_call(std::span<const Call> calls);

}  // namespace shard
