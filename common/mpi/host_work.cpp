#include "common/mpi/host_work.h"

#include "common/base/clock.h"

namespace shard {

/// Known when the collective has been waited for.
struct HostWork::Time : DeviceTime {
  double began = 0, ended = 0;
  bool is_known() const override { return true; }
  double seconds() const override { return ended - began; }
  double begin() const override { return began; }
};

HostWork::HostWork(MpiGroup& group, Backend& backend, const Call& call)
    : group_(group), call_(call), transfer_(backend.host_transfer()) {
  group_.show_computing();  // until it is waited for
  if (!copies()) return;
  transfer_->follow_compute();
  computed_ = transfer_->mark();
  time_ = std::make_shared<Time>();
}

bool HostWork::poll() {
  if (is_over_) return true;
  if (copies() && time_->began == 0) {
    if (!computed_()) return false;
    time_->began = now();
  }
  is_over_ = advance();
  if (copies() && is_over_) time_->ended = now();
  return is_over_;
}

void HostWork::wait() {
  group_.wait(call_, [this] { return poll(); });
  for (const HostTensor& x : on_host_)
    transfer_->release(x.address, static_cast<size_t>(x.bytes()));
  on_host_.clear();
}

std::shared_ptr<const DeviceTime> HostWork::time() const { return time_; }

HostWork::HostTensor HostWork::on_host(const Tensor& tensor) {
  if (!copies()) return {tensor, tensor.data<std::byte>()};
  on_host_.push_back(
      {tensor, static_cast<std::byte*>(transfer_->allocate(static_cast<size_t>(tensor.bytes())))});
  return on_host_.back();
}

void HostWork::fetch(const HostTensor& x, int64_t begin, int64_t bytes) {
  if (copies())
    transfer_->to_host(x.address + begin, x.tensor.data<std::byte>() + begin,
                       static_cast<size_t>(bytes));
}

void HostWork::put_back(const HostTensor& x, int64_t begin, int64_t bytes) {
  if (copies())
    transfer_->from_host(x.tensor.data<std::byte>() + begin, x.address + begin,
                         static_cast<size_t>(bytes));
}

HostWork::Mark HostWork::mark() const {
  if (copies()) return transfer_->mark();
  return [] { return true; };
}

}  // namespace shard
