// GroupOfOne: a communicator of one rank. Nothing is sent: what it sums and broadcasts is there
// already, and what it gathers, scatters and sends to itself is copied on its device.
#pragma once
#include "common/comm/communicator.h"

namespace shard {

/// A group of this rank alone: with it, every layer is its own unsplit reference.
class GroupOfOne : public Communicator {
 public:
  /// Backend and ledger must outlive it; `name` is what the ledger calls it.
  GroupOfOne(Backend& backend, Ledger& ledger, std::string name)
      : Communicator(backend, ledger, 0, 1, std::move(name)) {}

 protected:
  std::unique_ptr<Work> start_sum(Tensor& x) override;
  std::unique_ptr<Work> start_max(Tensor& x) override;
  std::unique_ptr<Work> start_gather(Tensor& all, const Tensor& piece,
                                     std::span<const int64_t> counts) override;
  std::unique_ptr<Work> start_scatter(Tensor& part, const Tensor& term,
                                      std::span<const int64_t> counts) override;
  std::unique_ptr<Work> start_broadcast(Tensor& x, int root) override;
  std::unique_ptr<Work> start_exchange(const Tensor& out, int to, Tensor& in, int from) override;
  std::unique_ptr<Work> start_barrier() override;
  std::unique_ptr<Communicator> make_part(int color, const std::string& name) override;
  std::vector<std::string> exchange_text(const std::string& mine) override { return {mine}; }
  void announce(const Call&) override {}  // there is nobody to tell
};

}  // namespace shard
