#include "chapters/17_overlap/chunked_ring.h"

#include <deque>

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {
namespace {

/// The exchanges under way, in the order in which they were started.
class Travelling {
 public:
  explicit Travelling(Communicator& group)
      : group_(group),
        next_((group.rank() + 1) % group.size()),
        previous_((group.rank() + group.size() - 1) % group.size()) {}

  /// `out` leaves for rank + 1, `in` arrives from rank - 1.
  void start(const Tensor& out, const Tensor& in) {
    pending_.push_back(group_.start_send_receive(out, next_, in, previous_));
  }
  /// What the oldest exchange brings.
  Tensor arrival() {
    const Tensor in = pending_.front().wait();
    pending_.pop_front();
    return in;
  }
  void poll() {
    for (Pending& exchange : pending_) exchange.poll();
  }

 private:
  Communicator& group_;
  int next_, previous_;
  std::deque<Pending> pending_;
};

}  // namespace

ChunkedRing::ChunkedRing(Communicator& group, int chunks) : group_(group), chunks_(chunks) {
  require(chunks >= 1, "a ring of ", chunks, " chunks: at least one is needed");
}

Range ChunkedRing::chunk(int64_t rows, int owner, int index) const {
  const Range whole = part(rows, owner), within = part_of(whole.size(), chunks_, index);
  return {whole.begin + within.begin, whole.begin + within.end};
}

//! [17-gather]
Tensor ChunkedRing::gather(const Tensor& mine, int64_t rows, const Use& use) const {
  const int t = group_.size(), rank = group_.rank();
  const int64_t own_rows = part(rows, rank).size();
  require(mine.rows() == own_rows, "gather: rank ", rank, " has ", own_rows, " of ", rows,
          " rows, not ", mine.rows());
  Tensor all(group_.backend(), {rows, mine.columns()}, mine.type());
  Tensor own = all.slice(part(rows, rank));
  copy(own, mine);
  Travelling travelling(group_);
  for (int step = 0; step < t; ++step) {
    const int owner = (rank + t - step) % t, following = (owner + t - 1) % t;
    for (int index = 0; index < chunks_; ++index) {
      const Range here = chunk(rows, owner, index);
      if (step > 0) travelling.arrival();
      if (step + 1 < t) travelling.start(all.slice(here), all.slice(chunk(rows, following, index)));
      const TraceRange range(TraceRow::compute, "multiply", text("rows of rank ", owner));
      use(all, here);
      travelling.poll();
    }
  }
  return all;
}
//! [17-gather]

//! [17-scatter]
Tensor ChunkedRing::scatter(const Shape& shape, DataType type, const Compute& term) const {
  const int t = group_.size(), rank = group_.rank();
  const int64_t rows = shape.rows(), columns = shape.columns();
  const Range mine = part(rows, rank);
  const auto place = [&](Range of) { return Tensor(group_.backend(), {of.size(), columns}, type); };
  const Tensor result = place(mine);
  Travelling travelling(group_);
  for (int step = 0; step < t; ++step) {
    const int owner = (rank + 2 * t - 1 - step) % t, following = (owner + t - 1) % t;
    for (int index = 0; index < chunks_; ++index) {
      const Range here = chunk(rows, owner, index);
      Tensor sum = owner == rank ? result.slice({here.begin - mine.begin, here.end - mine.begin})
                                 : place(here);
      {
        const TraceRange range(TraceRow::compute, "multiply", text("rows of rank ", owner));
        term(sum, here);
      }
      if (step > 0) accumulate(sum, travelling.arrival());
      if (step + 1 < t) travelling.start(sum, place(chunk(rows, following, index)));
      travelling.poll();
    }
  }
  return result;
}
//! [17-scatter]

GatheredProduct gather_matmul(const ChunkedRing& ring, const Tensor& mine, int64_t rows,
                              const Operand& w) {
  const Tensor y(mine.backend(), {rows, w.columns()}, mine.type());
  const Tensor x = ring.gather(mine, rows, [&](const Tensor& all, Range here) {
    matmul_into(y.slice(here), all.slice(here), w);
  });
  return {y, x};
}

Tensor matmul_scatter(const ChunkedRing& ring, const Tensor& x, const Operand& w) {
  return ring.scatter({x.rows(), w.columns()}, x.type(),
                      [&](const Tensor& to, Range here) { matmul_into(to, x.slice(here), w); });
}

}  // namespace shard
