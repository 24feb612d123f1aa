#include "common/program/machine.h"

#include "common/base/counted.h"
#include "common/comm/group_of_one.h"
#include "common/mpi/mpi_communicator.h"

namespace shard {

Machine::Machine(MpiSession& session, const std::string& device) : session_(session) {
  std::string reason;
  if (device != "cpu") gpus_ = find_gpu_library(reason);
  if (!session.all_agree(gpus_ != nullptr)) {
    if (gpus_ != nullptr) reason = "another rank has no GPU";
    require_usage(device != "cuda", "--device cuda: ", reason);
    gpus_ = nullptr;
    backend_ = make_cpu_backend(session.threads_per_rank());
    return;
  }
  const int number = session.rank_on_node() % gpus_->devices(reason);
  gpus_of_node_ = session.different_on_node(gpus_->place_of(number));
  nccl_ = session.all_agree(gpus_of_node_ == session.ranks_on_node() ||
                            gpus_->ranks_may_share_a_device());
  backend_ = gpus_->make_backend(number);
}

std::unique_ptr<Communicator> Machine::world(Ledger& ledger) {
  if (session_.size() == 1) return std::make_unique<GroupOfOne>(*backend_, ledger, "world");
  auto group = session_.world_group();
  if (nccl_) return gpus_->make_communicator(*backend_, ledger, std::move(group));
  return std::make_unique<MpiCommunicator>(*backend_, ledger, std::move(group));
}

std::unique_ptr<Communicator> Machine::alone(Ledger& ledger) {
  return std::make_unique<GroupOfOne>(*backend_, ledger, "alone");
}

std::string Machine::description() const {
  std::string by = nccl_ ? gpus_->collectives() : MpiSession::library();
  if (gpus_ != nullptr && !nccl_) by += ", staged through host memory";
  if (gpus_ != nullptr && gpus_of_node_ < session_.ranks_on_node()) {
    by += text(": ", session_.ranks_on_node(), " ranks share ", counted(gpus_of_node_, "GPU"));
  }
  return backend_->description() + "; collectives by " + by;
}

}  // namespace shard
