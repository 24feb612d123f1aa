#include "common/comm/communicator.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <sstream>

#include "common/base/clock.h"
#include "common/base/counted.h"
#include "common/comm/ring.h"
#include "common/comm/trace.h"
#include "common/tensor/backend.h"

namespace shard {
namespace {

bool is_vector(const Tensor& x) { return x.shape().rank() == 1; }
int64_t row_of(const Tensor& x) { return is_vector(x) ? 1 : x.columns(); }
int64_t rows_of(const Tensor& x) { return is_vector(x) ? x.elements() : x.rows(); }
Shape with_rows(const Tensor& like, int64_t rows) {
  return is_vector(like) ? Shape{rows} : Shape{rows, row_of(like)};
}

int64_t total(std::span<const int64_t> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), int64_t{0});
}

std::vector<int64_t> elements_of(std::span<const int64_t> rows, int64_t row) {
  std::vector<int64_t> counts(rows.begin(), rows.end());
  for (int64_t& count : counts) count *= row;
  return counts;
}

std::string joined(std::span<const int64_t> numbers) {
  std::string all;
  for (int64_t number : numbers) all += text(number, " ");
  return all;
}

/// Whether a piece lies where the whole has it, from element `begin` on, or nowhere in the whole.
bool is_apart_or_in_place(const Tensor& whole, const Tensor& piece, int64_t begin) {
  const auto* first = whole.data<std::byte>();
  const auto* here = piece.data<std::byte>();
  const bool apart = here + piece.bytes() <= first || first + whole.bytes() <= here;
  return apart || piece.bytes() == 0 || here == first + begin * size_of(whole.type());
}

}  // namespace

Communicator::Communicator(Backend& backend, Ledger& ledger, int rank, int size, std::string name)
    : backend_(backend),
      ledger_(ledger),
      rank_(rank),
      size_(size),
      name_(std::move(name)),
      sent_(static_cast<size_t>(size)),
      received_(static_cast<size_t>(size)) {}

void Communicator::is_at_home(const char* op, const Tensor& x) const {
  require(&x.backend() == &backend_, op, " on ", name_,
          ": the tensor is not on the device of the group");
}

// ---- Running ------------------------------------------------------------------------------------

Tensor Communicator::run(Job job) {
  const double begin = now();
  std::optional<TraceRange> range;
  if (size_ > 1) range.emplace(TraceRow::communication, to_string(job.call.op), name_);
  job.call.number = ++calls_;
  announce(job.call);
  const std::unique_ptr<Work> work = job.start(job.call);
  work->wait();
  if (range) range->measured_by(work->time());
  enter(job.call.op, 1, job.call.count * size_of(job.call.type), job.sent * size_of(job.call.type),
        now() - begin, work->time());
  return job.result;
}

Pending Communicator::start(Job job) {
  const std::string name = "start_" + to_string(job.call.op);
  const ProfilerRange range(name.c_str());  // the timeline's bar is that of wait()
  const double begin = now();
  job.call.number = ++calls_;
  announce(job.call);
  std::unique_ptr<Work> work = job.start(job.call);
  const bool has_clock = work->time() != nullptr;  // then wait() enters the seconds
  const int64_t element = size_of(job.call.type);
  ledger_.add(job.call.op, name_, 1, job.call.count * element, has_clock ? 0.0 : now() - begin,
              size_ > 1, job.sent * element);
  return {*this, job.call, std::move(job.result), std::move(job.used), std::move(work)};
}

void Communicator::enter(Collective op, int64_t calls, int64_t bytes, int64_t sent,
                         double host_seconds, std::shared_ptr<const DeviceTime> time) {
  if (calls > 0) ledger_.tell(op, bytes);
  if (time == nullptr) {
    ledger_.add(op, name_, calls, bytes, host_seconds, size_ > 1, sent);
  } else {
    ledger_.add(op, name_, calls, bytes, std::move(time), sent);
  }
}

// ---- Sums, maxima and copies --------------------------------------------------------------------

Communicator::Job Communicator::sum_job(const PartialSum& term) {
  const Tensor x = term.unreduced();
  is_at_home("all_reduce", x);
  return {.call = {.op = Collective::all_reduce, .count = x.elements(), .type = x.type()},
          .sent = sent_in_sum(x.elements(), size_),
          .result = x,
          .start = [this, x](const Call& call) { return start_sum(call, x); }};
}

Tensor Communicator::all_reduce(const PartialSum& term) { return run(sum_job(term)); }
Pending Communicator::start_all_reduce(const PartialSum& term) { return start(sum_job(term)); }

void Communicator::all_reduce_max(Tensor& x) {
  is_at_home("all_reduce_max", x);
  run({.call = {.op = Collective::all_reduce_max, .count = x.elements(), .type = x.type()},
       .sent = sent_in_sum(x.elements(), size_),
       .result = x,
       .start = [&](const Call& call) { return start_max(call, x); }});
}

void Communicator::broadcast(Tensor& x, int root) {
  is_at_home("broadcast", x);
  require(root >= 0 && root < size_, "broadcast on ", name_, ": there is no rank ", root, " of ",
          size_);
  run({.call = {.op = Collective::broadcast, .count = x.elements(), .type = x.type()},
       .sent = sent_in_broadcast(x.elements(), rank_, size_, root),
       .result = x,
       .start = [&](const Call& call) { return start_broadcast(call, x, root); }});
}

// ---- Gathering and scattering -------------------------------------------------------------------

Communicator::Job Communicator::gather_job(const Tensor& all, const Tensor& piece,
                                           std::span<const int64_t> rows) {
  is_at_home("all_gather", all);
  std::vector<int64_t> counts(static_cast<size_t>(size_), piece.elements());
  if (!rows.empty()) counts = elements_of(rows, row_of(piece));
  require(all.elements() == total(counts) && all.type() == piece.type(), "all_gather on ", name_,
          ": pieces of ", total(counts), " ", piece.type(),
          " together do not fit into a tensor of ", all.elements(), " ", all.type());
  const int64_t begin = total(std::span(counts).first(static_cast<size_t>(rank_)));
  require(is_apart_or_in_place(all, piece, begin), "all_gather on ", name_,
          ": the piece overlaps the result outside its own place");
  const int64_t next = counts[static_cast<size_t>((rank_ + 1) % size_)];
  return {.call = {.op = Collective::all_gather,
                   .count = piece.elements(),
                   .type = piece.type(),
                   .uneven = !rows.empty()},
          .sent = sent_in_gather(all.elements(), next),
          .result = all,
          .used = {piece},
          .start = [this, all, piece, counts](const Call& call) {
            return start_gather(call, all, piece, counts);
          }};
}

void Communicator::check_rows(const Tensor& piece, std::span<const int64_t> rows) const {
  is_at_home("all_gather", piece);
  const int64_t here = rows_of(piece);
  const auto mine = static_cast<size_t>(rank_);
  require(rows.empty() || (std::ssize(rows) == size_ && rows[mine] == here), "all_gather on ",
          name_, ": the list of rows has ", counted(rows.size(), "entry", "entries"), " for ",
          counted(size_, "rank"), ", or its entry for this rank is not ", here);
}

/// A new tensor for what is gathered.
Tensor Communicator::place_for_all(const Tensor& piece, std::span<const int64_t> rows) const {
  check_rows(piece, rows);
  const int64_t all_rows = rows.empty() ? rows_of(piece) * size_ : total(rows);
  return {backend_, with_rows(piece, all_rows), piece.type()};
}

Tensor Communicator::all_gather(const Tensor& piece, std::span<const int64_t> rows,
                                std::string_view label) {
  Job job = gather_job(place_for_all(piece, rows), piece, rows);
  job.call.label = Label(label);
  return run(std::move(job));
}

Pending Communicator::start_all_gather(const Tensor& piece, std::span<const int64_t> rows) {
  return start(gather_job(place_for_all(piece, rows), piece, rows));
}

void Communicator::all_gather_into(const Tensor& all, const Tensor& piece,
                                   std::span<const int64_t> rows) {
  check_rows(piece, rows);
  run(gather_job(all, piece, rows));
}

Pending Communicator::start_all_gather_into(const Tensor& all, const Tensor& piece,
                                            std::span<const int64_t> rows) {
  check_rows(piece, rows);
  return start(gather_job(all, piece, rows));
}

Communicator::Job Communicator::scatter_job(const Tensor& part, const PartialSum& sum) {
  const Tensor term = sum.unreduced();
  is_at_home("reduce_scatter", part);
  const Range mine = part_of(rows_of(term), size_, rank_);
  const int64_t row = row_of(term), count = mine.size() * row;
  require(part.elements() == count && part.type() == term.type(), "reduce_scatter on ", name_,
          ": this rank's part of ", count, " ", term.type(), " does not fit into a tensor of ",
          part.elements(), " ", part.type());
  require(is_apart_or_in_place(term, part, mine.begin * row), "reduce_scatter on ", name_,
          ": the result overlaps the term outside its own part");
  return {.call = {.op = Collective::reduce_scatter, .count = term.elements(), .type = term.type()},
          .sent = sent_in_scatter(term.elements(), count),
          .result = part,
          .used = {term},
          .start = [this, part, term, counts = elements_of(part_sizes(rows_of(term), size_), row)](
                       const Call& call) { return start_scatter(call, part, term, counts); }};
}

/// A new tensor for this rank's part.
Tensor Communicator::place_for_part(const PartialSum& sum) const {
  const Tensor& term = sum.unreduced();
  is_at_home("reduce_scatter", term);
  return {backend_, with_rows(term, part_of(rows_of(term), size_, rank_).size()), term.type()};
}

Tensor Communicator::reduce_scatter(const PartialSum& sum) {
  return run(scatter_job(place_for_part(sum), sum));
}

Pending Communicator::start_reduce_scatter(const PartialSum& sum) {
  return start(scatter_job(place_for_part(sum), sum));
}

void Communicator::reduce_scatter_into(const Tensor& part, const PartialSum& sum) {
  is_at_home("reduce_scatter", sum.unreduced());
  run(scatter_job(part, sum));
}

Pending Communicator::start_reduce_scatter_into(const Tensor& part, const PartialSum& sum) {
  is_at_home("reduce_scatter", sum.unreduced());
  return start(scatter_job(part, sum));
}

// ---- From all to all ----------------------------------------------------------------------------

Communicator::Job Communicator::transpose_job(const Tensor& x, std::span<const int64_t> rows_to,
                                              std::span<const int64_t> rows_from) {
  is_at_home("all_to_all", x);
  const auto are_rows = [&](std::span<const int64_t> rows) {
    return std::ssize(rows) == size_ &&
           std::all_of(rows.begin(), rows.end(), [](int64_t count) { return count >= 0; });
  };
  require(are_rows(rows_to) && are_rows(rows_from) && total(rows_to) == rows_of(x),
          "all_to_all on ", name_, ": lists of ", rows_to.size(), " and ", rows_from.size(),
          " row counts for ", counted(size_, "rank"), " do not divide the ",
          counted(rows_of(x), "row"), " of ", x.shape());
  const Tensor in(backend_, with_rows(x, total(rows_from)), x.type());
  const std::vector<int64_t> to = elements_of(rows_to, row_of(x));
  return {.call = {.op = Collective::all_to_all,
                   .count = x.elements(),
                   .type = x.type(),
                   .uneven = true},
          .sent = x.elements() - to[static_cast<size_t>(rank_)],
          .result = in,
          .used = {x},
          .start = [this, in, x, to, from = elements_of(rows_from, row_of(x))](const Call& call) {
            return start_transpose(call, in, x, to, from);
          }};
}

std::vector<int64_t> Communicator::equal_parts(const Tensor& x) const {
  is_at_home("all_to_all", x);
  require(rows_of(x) % size_ == 0, "all_to_all on ", name_, ": ", counted(rows_of(x), "row"),
          " cannot be divided into ", size_, " equal parts");
  return part_sizes(rows_of(x), size_);
}

/// With --check-collectives: throws Error on every rank where one sends more or less than another
/// expects.
void Communicator::compare_rows(std::span<const int64_t> rows_to,
                                std::span<const int64_t> rows_from) {
  if (!compares() || std::ssize(rows_to) != size_ || std::ssize(rows_from) != size_) return;
  const auto place = [this](int of, int rank) {
    return static_cast<size_t>(of) * static_cast<size_t>(size_) + static_cast<size_t>(rank);
  };
  std::vector<int64_t> sent, expected;  // by rank, and by its partner
  for (const std::string& lists : all_texts(joined(rows_to) + joined(rows_from))) {
    std::istringstream numbers(lists);
    int64_t number = 0;
    for (int i = 0; i < 2 * size_ && numbers >> number; ++i)
      (i < size_ ? sent : expected).push_back(number);
  }
  for (int from = 0; from < size_; ++from) {
    for (int to = 0; to < size_; ++to) {
      require(sent[place(from, to)] == expected[place(to, from)], "all_to_all on ", name_,
              ": rank ", from, " sends ", counted(sent[place(from, to)], "row"), " to rank ", to,
              ", which expects ", expected[place(to, from)]);
    }
  }
}

Tensor Communicator::all_to_all(const Tensor& x) {
  const std::vector<int64_t> rows = equal_parts(x);
  return run(transpose_job(x, rows, rows));
}

Pending Communicator::start_all_to_all(const Tensor& x) {
  const std::vector<int64_t> rows = equal_parts(x);
  return start(transpose_job(x, rows, rows));
}

Tensor Communicator::all_to_all(const Tensor& x, std::span<const int64_t> rows_to,
                                std::span<const int64_t> rows_from, std::string_view label) {
  Job job = transpose_job(x, rows_to, rows_from);
  job.call.label = Label(label);
  compare_rows(rows_to, rows_from);
  return run(std::move(job));
}

Pending Communicator::start_all_to_all(const Tensor& x, std::span<const int64_t> rows_to,
                                       std::span<const int64_t> rows_from, std::string_view label) {
  Job job = transpose_job(x, rows_to, rows_from);
  job.call.label = Label(label);
  compare_rows(rows_to, rows_from);
  return start(std::move(job));
}

std::vector<int64_t> Communicator::exchange_rows(std::span<const int64_t> rows_to) {
  require(std::ssize(rows_to) == size_, "exchange_rows on ", name_, ": ",
          counted(rows_to.size(), "row count"), " for ", counted(size_, "rank"));
  const std::vector<int32_t> mine(rows_to.begin(), rows_to.end());
  const std::vector<int32_t> theirs =
      all_to_all(Tensor::from(backend_, {size_}, std::span<const int32_t>(mine))).to_host_int();
  return {theirs.begin(), theirs.end()};
}

// ---- The host's own -----------------------------------------------------------------------------

void Communicator::barrier() {
  backend_.synchronize();
  run({.call = {.op = Collective::barrier},
       .start = [&](const Call& call) { return start_barrier(call); }});
}

std::unique_ptr<Communicator> Communicator::split(int color, const std::string& name) {
  require(color >= 0 || color == no_group, "split of ", name_, ": color ", color, " is negative");
  const Call call{.op = Collective::split, .number = ++calls_};
  announce(call);
  // Making a group waits without a time limit: wait here until all have come.
  start_barrier(call)->wait();
  return make_part(call, color, name);
}

std::vector<std::string> Communicator::gather_text(const std::string& mine) {
  ledger_.tell(Collective::gather_text, 0);
  return all_texts(mine);
}

std::vector<std::string> Communicator::all_texts(const std::string& mine) {
  const Call call{.op = Collective::gather_text, .number = ++calls_};
  announce(call);
  return exchange_text(call, mine);
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
