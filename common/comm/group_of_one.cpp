#include "common/comm/group_of_one.h"

#include "common/tensor/ops.h"

namespace shard {
namespace {

/// Done when it was started; in the device's order of work, at least.
struct NoWork : Work {
  void wait() override {}
};

}  // namespace

std::unique_ptr<Work> GroupOfOne::start_sum(Tensor&) { return std::make_unique<NoWork>(); }

std::unique_ptr<Work> GroupOfOne::start_max(Tensor&) { return std::make_unique<NoWork>(); }

std::unique_ptr<Work> GroupOfOne::start_gather(Tensor& all, const Tensor& piece,
                                               std::span<const int64_t>) {
  copy(all, piece);
  return std::make_unique<NoWork>();
}

std::unique_ptr<Work> GroupOfOne::start_scatter(Tensor& part, const Tensor& term,
                                                std::span<const int64_t>) {
  copy(part, term);
  return std::make_unique<NoWork>();
}

std::unique_ptr<Work> GroupOfOne::start_broadcast(Tensor&, int) {
  return std::make_unique<NoWork>();
}

std::unique_ptr<Work> GroupOfOne::start_exchange(const Tensor& out, int, Tensor& in, int) {
  require_fit(0, out.elements(), 0, in.elements());
  copy(in, out);
  return std::make_unique<NoWork>();
}

std::unique_ptr<Work> GroupOfOne::start_barrier() { return std::make_unique<NoWork>(); }

std::unique_ptr<Communicator> GroupOfOne::make_part(int, const std::string& name) {
  return std::make_unique<GroupOfOne>(backend(), ledger(), name);
}

}  // namespace shard
