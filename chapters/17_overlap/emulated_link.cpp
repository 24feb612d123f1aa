#include "chapters/17_overlap/emulated_link.h"

#include <sched.h>

#include <algorithm>
#include <optional>

#include "common/base/clock.h"

namespace shard::chapter_17 {
namespace {

/// Starts what moves the data when it is due.
class LinkWork : public Work {
 public:
  LinkWork(double due, std::function<Pending()> start) : due_(due), start_(std::move(start)) {}
  bool poll() override {
    if (now() < due_) return false;
    if (!moving_) moving_.emplace(start_());
    return moving_->poll();
  }
  void wait() override {
    while (now() < due_) sched_yield();
    poll();
    moving_->wait();
  }

 private:
  double due_;
  std::function<Pending()> start_;
  std::optional<Pending> moving_;
};

Tensor flat(const Tensor& x) { return x.reshape({x.elements()}); }

}  // namespace

std::unique_ptr<Work> EmulatedLink::after(int64_t bytes, std::function<Pending()> start) {
  const double seconds = speed_.latency + static_cast<double>(bytes) / speed_.bytes_per_second;
  free_at_ = std::max(free_at_, now()) + seconds;
  return std::make_unique<LinkWork>(free_at_, std::move(start));
}

std::unique_ptr<Work> EmulatedLink::start_gather(const Call&, const Tensor& all,
                                                 const Tensor& piece, Counts counts) {
  const int64_t last_to_come = counts[static_cast<size_t>((rank() + 1) % size())];
  return after((all.elements() - last_to_come) * size_of(all.type()),
               [=, this, counts = std::vector<int64_t>(counts.begin(), counts.end())] {
                 return group().start_all_gather_into(flat(all), flat(piece), counts);
               });
}

std::unique_ptr<Work> EmulatedLink::start_scatter(const Call&, const Tensor& part,
                                                  const Tensor& term, Counts) {
  return after(term.bytes() - part.bytes(),
               [=, this] { return group().start_reduce_scatter_into(part, PartialSum(term)); });
}

std::unique_ptr<Work> EmulatedLink::start_exchange(const Call&, const Tensor& out, int to,
                                                   const Tensor& in, int from) {
  return after(out.bytes(), [=, this] { return group().start_send_receive(out, to, in, from); });
}

}  // namespace shard::chapter_17
