#include "common/comm/pending.h"

#include <exception>
#include <iostream>
#include <optional>

#include "common/base/clock.h"
#include "common/comm/communicator.h"
#include "common/comm/trace.h"

namespace shard {

Pending::Pending(Communicator& group, const Call& call, Tensor result, std::vector<Tensor> used,
                 std::unique_ptr<Work> work)
    : group_(&group),
      call_(call),
      result_(std::move(result)),
      used_(std::move(used)),
      work_(std::move(work)),
      started_(now()) {}

Pending::~Pending() {
  if (!work_) return;
  try {
    if (std::uncaught_exceptions() == 0) wait();
  } catch (const std::exception& error) {
    std::cerr << "a pending " << to_string(call_.op) << " on " << group_->name()
              << " failed: " << error.what() << std::endl;
  }
  if (!work_) return;
  // Still not done: the program is ending, and the work may go on writing. It and its memory stay,
  // on purpose.
  work_->abandon();
  static_cast<void>(work_.release());
  static_cast<void>(new std::vector<Tensor>(std::move(used_)));
  static_cast<void>(new Tensor(std::move(result_)));
}

bool Pending::poll() {
  require(work_ != nullptr, "poll() was called after wait() on a pending ", call_.op);
  const bool is_done = work_->poll();
  if (is_done && done_ == 0) done_ = now();
  return is_done;
}

Tensor Pending::wait() {
  require(work_ != nullptr, "wait() was called twice on one pending ", call_.op);
  const double start = now();
  const bool moves = !is_message(call_.op) || call_.partner >= 0;
  if (moves) {
    const std::string op = to_string(call_.op);
    const bool has_clock = work_->time() != nullptr;
    std::optional<TraceRange> range;  // a group of one waits for nobody
    if (group_->size() > 1) {
      range.emplace(TraceRow::communication, has_clock ? op : "wait for " + op,
                    group_->detail_of(call_));
    }
    work_->wait();
    if (range) {
      range->measured_by(work_->time());
      trace_bar(TraceRow::transfer, op, group_->detail_of(call_), started_,
                done_ > 0 ? done_ : now(), work_->time());
    }
    range.reset();
    group_->enter(call_.op, 0, 0, 0, now() - start, work_->time());
  }
  work_.reset();
  used_.clear();
  return std::move(result_);
}

}  // namespace shard
