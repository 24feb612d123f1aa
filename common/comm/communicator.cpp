#include "common/comm/communicator.h"

#include <cmath>
#include <exception>
#include <iostream>
#include <optional>

#include "common/base/clock.h"
#include "common/comm/trace.h"
#include "common/tensor/backend.h"

namespace shard {

std::string to_string(const Call& call) {
  if (call.op == Collective::barrier ||
      call.op >= Collective::gather_text) {  // these move no tensor
    return text(to_string(call.op), " (#", call.number, ")");
  }
  return text(to_string(call.op), " of ", call.count, " ", to_string(call.type), " (#", call.number,
              ")");
}

void require_fit(int from, int64_t sent, int to, int64_t expected) {
  require(sent <= expected, "send_receive: rank ", from, " sent more than the ", expected,
          " elements that rank ", to, " expects");
  require(sent == expected, "send_receive: rank ", from, " sent ", sent, " of the ", expected,
          " elements that rank ", to, " expects");
}

PendingSum::PendingSum(Communicator& group, const PartialSum& term, std::unique_ptr<Work> work)
    : group_(&group), term_(term.unreduced()), work_(std::move(work)) {}

PendingSum::~PendingSum() {
  if (!work_) return;
  try {
    if (std::uncaught_exceptions() == 0) wait();
  } catch (const std::exception& error) {
    std::cerr << "a pending all_reduce on " << group_->name() << " failed: " << error.what()
              << std::endl;
  }
  // Still not done: the program is ending, and the collective may go on writing. It and its memory
  // stay, on purpose.
  static_cast<void>(work_.release());
}

Tensor PendingSum::wait() {
  require(work_ != nullptr, "wait() was called twice on one pending sum");
  const double start = now();
  {
    const bool has_clock = work_->time() != nullptr;
    std::optional<TraceRange> range;  // a group of one waits for nobody
    if (group_->size() > 1) {
      range.emplace(TraceRow::communication, has_clock ? "all_reduce" : "wait for all_reduce",
                    group_->name());
    }
    work_->wait();
    if (range) range->measured_by(work_->time());
  }
  group_->enter(Collective::all_reduce, 0, 0, now() - start, work_->time());
  work_.reset();
  return std::move(term_);
}

Communicator::Communicator(Backend& backend, Ledger& ledger, int rank, int size, std::string name)
    : backend_(backend), ledger_(ledger), rank_(rank), size_(size), name_(std::move(name)) {}

void Communicator::is_at_home(const char* op, const Tensor& x) const {
  require(&x.backend() == &backend_, op, " on ", name_,
          ": the tensor lives on another device than the group");
}

template <class Start>
void Communicator::run(Call call, Start start) {
  const double begin = now();
  std::optional<TraceRange> range;
  if (size_ > 1) range.emplace(TraceRow::communication, to_string(call.op), name_);
  call.number = ++calls_;
  announce(call);
  const std::unique_ptr<Work> work = start();
  work->wait();
  if (range) range->measured_by(work->time());
  enter(call.op, 1, call.count * size_of(call.type), now() - begin, work->time());
}

void Communicator::enter(Collective op, int64_t calls, int64_t bytes, double host_seconds,
                         std::shared_ptr<const DeviceTime> time) {
  if (time == nullptr) {
    ledger_.add(op, name_, calls, bytes, host_seconds, size_ > 1);
  } else {
    ledger_.add(op, name_, calls, bytes, std::move(time));
  }
}

Tensor Communicator::all_reduce(const PartialSum& term) {
  Tensor x = term.unreduced();
  is_at_home("all_reduce", x);
  run({Collective::all_reduce, x.elements(), x.type()}, [&] { return start_sum(x); });
  return x;
}

PendingSum Communicator::start_all_reduce(const PartialSum& term) {
  Tensor x = term.unreduced();
  is_at_home("start_all_reduce", x);
  const ProfilerRange range("start_all_reduce");  // the timeline's bar is that of wait()
  const double begin = now();
  Call call{Collective::all_reduce, x.elements(), x.type(), ++calls_};
  announce(call);
  std::unique_ptr<Work> work = start_sum(x);
  const bool has_clock = work->time() != nullptr;  // then wait() enters the seconds
  ledger_.add(call.op, name_, 1, x.bytes(), has_clock ? 0.0 : now() - begin, size_ > 1);
  return {*this, term, std::move(work)};
}

void Communicator::all_reduce_max(Tensor& x) {
  is_at_home("all_reduce_max", x);
  run({Collective::all_reduce_max, x.elements(), x.type()}, [&] { return start_max(x); });
}

Tensor Communicator::all_gather(const Tensor& piece, std::span<const int64_t> rows) {
  is_at_home("all_gather", piece);
  const bool vector = piece.shape().rank() == 1;
  const int64_t row = vector ? 1 : piece.columns(),
                here = piece.elements() / std::max<int64_t>(row, 1);
  require(rows.empty() || (std::ssize(rows) == size_ && rows[rank_] == here), "all_gather on ",
          name_, ": the list of rows has ", rows.size(), " entries for ", size_,
          " ranks, or not this rank's ", here);
  std::vector<int64_t> counts;
  int64_t all_rows = 0;
  for (int other = 0; other < size_; ++other) {
    const int64_t others_rows = rows.empty() ? here : rows[other];
    counts.push_back(others_rows * row);
    all_rows += others_rows;
  }
  Tensor all(backend_, vector ? Shape{all_rows} : Shape{all_rows, row}, piece.type());
  run({Collective::all_gather, piece.elements(), piece.type(), 0, !rows.empty()},
      [&] { return start_gather(all, piece, counts); });
  return all;
}

Tensor Communicator::reduce_scatter(const PartialSum& sum) {
  const Tensor& term = sum.unreduced();
  is_at_home("reduce_scatter", term);
  const bool vector = term.shape().rank() == 1;
  const int64_t row = vector ? 1 : term.columns(), rows = vector ? term.elements() : term.rows();
  std::vector<int64_t> counts = part_sizes(rows, size_);
  Tensor part(backend_, vector ? Shape{counts[rank_]} : Shape{counts[rank_], row}, term.type());
  for (int64_t& count : counts) count *= row;
  run({Collective::reduce_scatter, term.elements(), term.type()},
      [&] { return start_scatter(part, term, counts); });
  return part;
}

void Communicator::broadcast(Tensor& x, int root) {
  is_at_home("broadcast", x);
  require(root >= 0 && root < size_, "broadcast on ", name_, ": there is no rank ", root, " of ",
          size_);
  run({Collective::broadcast, x.elements(), x.type()}, [&] { return start_broadcast(x, root); });
}

void Communicator::send_receive(const Tensor& out, int to, Tensor& in, int from) {
  is_at_home("send_receive", out);
  is_at_home("send_receive", in);
  require(to >= 0 && to < size_ && from >= 0 && from < size_, "send_receive on ", name_, ": to ",
          to, " and from ", from, " of ", size_, " ranks");
  run({Collective::send_receive, out.elements(), out.type(), 0, true},
      [&] { return start_exchange(out, to, in, from); });
}

void Communicator::barrier() {
  backend_.synchronize();
  run({Collective::barrier}, [&] { return start_barrier(); });
}

std::unique_ptr<Communicator> Communicator::split(int color, const std::string& name) {
  announce({Collective::split, 0, DataType::f32, ++calls_});
  start_barrier()
      ->wait();  // making a group waits without a time limit: wait here until all have come
  return make_part(color, name);
}

std::vector<std::string> Communicator::gather_text(const std::string& mine) {
  announce({Collective::gather_text, 0, DataType::f32, ++calls_});
  return exchange_text(mine);
}

double Communicator::max_of(double value) {
  double max = value;
  for (const std::string& other : gather_text(text(std::hexfloat, value))) {
    const double theirs = std::strtod(other.c_str(), nullptr);
    if (std::isnan(theirs) || theirs > max) max = theirs;
  }
  return max;
}

double Communicator::sum_of(double value) {
  double sum = 0;
  for (const std::string& other : gather_text(text(std::hexfloat, value)))
    sum += std::strtod(other.c_str(), nullptr);
  return sum;
}

}  // namespace shard
