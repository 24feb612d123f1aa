#include "common/mpi/mpi_communicator.h"

#include <numeric>

#include "common/comm/group_of_one.h"
#include "common/mpi/call_work.h"
#include "common/mpi/message_check.h"
#include "common/mpi/message_work.h"
#include "common/mpi/reduce_work.h"
#include "common/mpi/scatter_work.h"

namespace shard {
namespace {

/// Counts and displacements of pieces that stand one after the other, in MPI's terms.
struct Pieces {
  std::vector<int> counts, offsets;
  explicit Pieces(std::span<const int64_t> sizes) : offsets(sizes.size()) {
    for (int64_t size : sizes) counts.push_back(mpi_count(size));
    std::exclusive_scan(counts.begin(), counts.end(), offsets.begin(), 0);
    mpi_count(std::accumulate(sizes.begin(), sizes.end(), int64_t{0}));
  }
};

/// One message in and one out. MPI itself takes a message that is shorter than its receiver expects
/// without a word.
class ExchangeWork : public CallWork {
 public:
  ExchangeWork(MpiGroup& group, const Call& call, const Tensor& in, int from)
      : CallWork(group, in.backend(), call), in_(in), from_(from) {
    end_turn();  // messages have numbers
  }

  void wait() override {
    CallWork::wait();
    require_fit(call().op, from_, received(), group().rank(), in_.elements());
  }

  MPI_Request incoming = MPI_REQUEST_NULL, outgoing = MPI_REQUEST_NULL;

 protected:
  bool has_communicated() override {
    int done = 0;
    if (!received_) result_ = MPI_Test(&incoming, &done, &status_);
    received_ = received_ || done != 0 || result_ != MPI_SUCCESS;
    return received_ && is_done(outgoing);
  }

 private:
  /// Elements of the message; of one that is too long only that.
  int64_t received() const {
    int kind = MPI_SUCCESS, count = 0;
    MPI_Error_class(result_, &kind);
    if (kind == MPI_ERR_TRUNCATE) return in_.elements() + 1;
    check_mpi(result_, "MPI_Test");
    check_mpi(MPI_Get_count(&status_, mpi_type(in_.type()), &count), "MPI_Get_count");
    return count;
  }

  Tensor in_;
  int from_;
  bool received_ = false;
  int result_ = MPI_SUCCESS;
  MPI_Status status_{};
};

std::unique_ptr<Work> start_reduction(MpiGroup& group, const Call& call, const Tensor& x,
                                      MPI_Op op) {
  if (x.type() != DataType::bf16) return std::make_unique<ReduceWork>(group, call, x, op);
  const Tensor wide = cast(x, DataType::f32);
  auto work = std::make_unique<ReduceWork>(group, call, wide, op);
  return std::make_unique<ApartWork>(x, wide, std::move(work));
}

/// The place of this rank's piece in `all`.
Tensor place_in(const Tensor& all, std::span<const int64_t> counts, int rank) {
  const int64_t begin = std::accumulate(counts.begin(), counts.begin() + rank, int64_t{0});
  return all.reshape({all.elements()}).slice({begin, begin + counts[static_cast<size_t>(rank)]});
}

/// Whether x lies within the bytes of `whole`, which MPI must be told.
bool is_within(const Tensor& x, const Tensor& whole) {
  const auto *here = x.data<std::byte>(), *first = whole.data<std::byte>();
  return x.bytes() > 0 && first <= here && here < first + whole.bytes();
}

}  // namespace

MpiCommunicator::MpiCommunicator(Backend& backend, Ledger& ledger, std::unique_ptr<MpiGroup> group)
    : Communicator(backend, ledger, group->rank(), group->size(), group->name()),
      group_(std::move(group)) {}

std::unique_ptr<Communicator> MpiCommunicator::make_part(const Call&, int color,
                                                         const std::string& name) {
  auto part = group_->split(color, name);
  if (part == nullptr) return nullptr;
  if (part->size() == 1) return std::make_unique<GroupOfOne>(backend(), ledger(), name);
  return std::make_unique<MpiCommunicator>(backend(), ledger(), std::move(part));
}

std::unique_ptr<Work> MpiCommunicator::start_sum(const Call& call, const Tensor& x) {
  return start_reduction(*group_, call, x, MPI_SUM);
}

std::unique_ptr<Work> MpiCommunicator::start_max(const Call& call, const Tensor& x) {
  return start_reduction(*group_, call, x, MPI_MAX);
}

std::unique_ptr<Work> MpiCommunicator::start_gather(const Call& call, const Tensor& all,
                                                    const Tensor& piece, Counts counts) {
  auto work = std::make_unique<CallWork>(*group_, backend(), call);
  // MPI wants all ranks to say the same
  const bool in_place = backend().host_transfer() == nullptr;
  if (in_place && !is_within(piece, all)) {
    Tensor place = place_in(all, counts, rank());
    copy(place, piece.reshape(place.shape()));
  }
  const void* from = in_place ? MPI_IN_PLACE : work->reads(piece);
  void* to = work->writes(all);
  const int here = mpi_count(piece.elements());
  work->start([=, type = mpi_type(piece.type()), comm = group_->comm_of_turns(),
               pieces = Pieces(counts)](MPI_Request* request) {
    check_mpi(MPI_Iallgatherv(from, here, type, to, pieces.counts.data(), pieces.offsets.data(),
                              type, comm, request),
              "MPI_Iallgatherv");
  });
  return work;
}

std::unique_ptr<Work> MpiCommunicator::start_scatter(const Call& call, const Tensor& part,
                                                     const Tensor& term, Counts counts) {
  if (term.type() != DataType::bf16)
    return std::make_unique<ScatterWork>(*group_, call, part, term, counts);
  const Tensor wide(backend(), part.shape()), terms = cast(term, DataType::f32);
  auto work = std::make_unique<ScatterWork>(*group_, call, wide, terms, counts);
  return std::make_unique<ApartWork>(part, wide, std::move(work));
}

std::unique_ptr<Work> MpiCommunicator::start_transpose(const Call& call, const Tensor& in,
                                                       const Tensor& out, Counts to, Counts from) {
  auto work = std::make_unique<CallWork>(*group_, backend(), call);
  const void* source = work->reads(out);
  void* target = work->writes(in);
  work->start([=, type = mpi_type(out.type()), comm = group_->comm_of_turns(), sent = Pieces(to),
               received = Pieces(from)](MPI_Request* request) {
    check_mpi(MPI_Ialltoallv(source, sent.counts.data(), sent.offsets.data(), type, target,
                             received.counts.data(), received.offsets.data(), type, comm, request),
              "MPI_Ialltoallv");
  });
  return work;
}

std::unique_ptr<Work> MpiCommunicator::start_broadcast(const Call& call, const Tensor& x,
                                                       int root) {
  auto work = std::make_unique<CallWork>(*group_, backend(), call);
  void* address = root == rank() ? work->reads(x) : work->writes(x);
  const int count = mpi_count(x.elements());
  work->start([=, type = mpi_type(x.type()), comm = group_->comm_of_turns()](MPI_Request* request) {
    check_mpi(MPI_Ibcast(address, count, type, root, comm, request), "MPI_Ibcast");
  });
  return work;
}

std::unique_ptr<Work> MpiCommunicator::start_exchange(const Call& call, const Tensor& out, int to,
                                                      const Tensor& in, int from) {
  const int tag = tag_of_exchange(call);
  auto work = std::make_unique<ExchangeWork>(*group_, call, in, from);
  const void* source = work->reads(out);
  void* target = work->writes(in);
  const int sent = mpi_count(out.elements()), expected = mpi_count(in.elements());
  const MPI_Datatype sent_type = mpi_type(out.type()), type = mpi_type(in.type());
  const auto send = group_->settings().synchronous_sends ? MPI_Issend : MPI_Isend;
  work->start([=, &requests = *work, comm = group_->comm()](MPI_Request*) {
    check_mpi(MPI_Irecv(target, expected, type, from, tag, comm, &requests.incoming), "MPI_Irecv");
    check_mpi(send(source, sent, sent_type, to, tag, comm, &requests.outgoing), "MPI_Isend");
  });
  return work;
}

std::unique_ptr<Work> MpiCommunicator::move_messages(std::span<const Message> messages,
                                                     std::span<const Call> calls) {
  group_->show_waiting(main_call(calls));
  auto work = std::make_unique<MessageWork>(*group_, messages, calls);
  if (!compares()) return work;
  return std::make_unique<CheckedMessages>(*group_, calls, std::move(work));
}

}  // namespace shard
