#include "common/nccl/nccl_communicator.h"

#include <algorithm>
#include <cstdlib>

#include "common/comm/group_of_one.h"
#include "common/mpi/message_check.h"
#include "common/mpi/message_work.h"

namespace shard {

static int nccl_version() {
  int version = 0;
  check_nccl(ncclGetVersion(&version), "ncclGetVersion");
  return version;
}

std::string nccl_name() {
  const int version = nccl_version();
  return text("NCCL ", version / 10000, ".", version / 100 % 100, ".", version % 100);
}

bool nccl_takes_ranks_that_share_a_device() {
  const char* enabled = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE");
  return nccl_version() >= NCCL_VERSION(2, 30, 0) && enabled != nullptr &&
         std::string(enabled) == "1";
}

namespace {

ncclDataType_t nccl_type(const Tensor& x) {
  switch (x.type()) {
    case DataType::f32: return ncclFloat32;
    case DataType::i32: return ncclInt32;
    case DataType::bf16: return ncclBfloat16;
  }
  return ncclNumTypes;
}

size_t nccl_count(int64_t elements) { return static_cast<size_t>(elements); }

/// A collective in the communication stream. Its tensors stay until what is computed later comes
/// after it.
class NcclWork : public Work {
 public:
  NcclWork(CudaBackend& device, std::shared_ptr<const NcclSpan> span, std::vector<Tensor> tensors)
      : device_(device), span_(std::move(span)), tensors_(std::move(tensors)) {}
  void wait() override { span_->after.order_before(device_.compute_stream()); }
  bool poll() override { return span_->is_known(); }
  std::shared_ptr<const DeviceTime> time() const override { return span_; }

 private:
  CudaBackend& device_;
  std::shared_ptr<const NcclSpan> span_;
  std::vector<Tensor> tensors_;
};

/// All calls between become one launch, and progress together.
template <class Calls>
ncclResult_t in_one_launch(Calls calls) {
  check_nccl(ncclGroupStart(), "ncclGroupStart");
  calls();
  return ncclGroupEnd();
}

bool all_equal(std::span<const int64_t> counts) {
  return std::adjacent_find(counts.begin(), counts.end(), std::not_equal_to<>()) == counts.end();
}

}  // namespace

NcclCommunicator::NcclCommunicator(CudaBackend& device, Ledger& ledger,
                                   std::unique_ptr<MpiGroup> ranks)
    : NcclCommunicator(ledger, NcclGroup::connect(device, std::move(ranks))) {}

NcclCommunicator::NcclCommunicator(Ledger& ledger, std::unique_ptr<NcclGroup> group)
    : Communicator(group->device(), ledger, group->ranks().rank(), group->ranks().size(),
                   group->ranks().name()),
      group_(std::move(group)) {}

std::unique_ptr<Communicator> NcclCommunicator::make_part(const Call& call, int color,
                                                          const std::string& name) {
  std::unique_ptr<MpiGroup> ranks = group_->ranks().split(color, name);
  const bool is_alone = ranks != nullptr && ranks->size() == 1;
  std::unique_ptr<NcclGroup> part = group_->split(call, color, std::move(ranks));
  if (is_alone) return std::make_unique<GroupOfOne>(backend(), ledger(), name);
  if (part == nullptr) return nullptr;
  return std::unique_ptr<Communicator>(new NcclCommunicator(ledger(), std::move(part)));
}

/// Puts a call of NCCL, or several in one launch, into the communication stream.
std::unique_ptr<Work> NcclCommunicator::enqueue(const Call& call, const char* name,
                                                std::vector<Tensor> tensors, const Start& start) {
  auto span = group_->enqueue(call, name, start);
  return std::make_unique<NcclWork>(group_->device(), span, std::move(tensors));
}

// ---- Sums, maxima and copies --------------------------------------------------------------------

std::unique_ptr<Work> NcclCommunicator::start_reduction(const Call& call, const Tensor& x,
                                                        ncclRedOp_t op) {
  return enqueue(call, "ncclAllReduce", {x}, [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclAllReduce(x.address(), x.address(), nccl_count(x.elements()), nccl_type(x), op, comm,
                         stream);
  });
}

std::unique_ptr<Work> NcclCommunicator::start_sum(const Call& call, const Tensor& x) {
  return start_reduction(call, x, ncclSum);
}

std::unique_ptr<Work> NcclCommunicator::start_max(const Call& call, const Tensor& x) {
  return start_reduction(call, x, ncclMax);
}

std::unique_ptr<Work> NcclCommunicator::start_broadcast(const Call& call, const Tensor& x,
                                                        int root) {
  return enqueue(call, "ncclBroadcast", {x}, [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclBroadcast(x.address(), x.address(), nccl_count(x.elements()), nccl_type(x), root,
                         comm, stream);
  });
}

// ---- Gathering and scattering, also in place: NCCL sees that by the addresses -------------------

/// Pieces of different lengths are broadcast, each by its owner: NCCL passes a broadcast on from
/// rank to rank, so that every link carries every piece once. Sent directly, a piece would leave
/// its owner size - 1 times.
std::unique_ptr<Work> NcclCommunicator::start_gather(const Call& call, const Tensor& all,
                                                     const Tensor& piece, Counts counts) {
  const auto gather = [&](ncclComm_t comm, cudaStream_t stream) {
    if (all_equal(counts))
      return ncclAllGather(piece.address(), all.address(), nccl_count(counts[0]), nccl_type(all),
                           comm, stream);
    return in_one_launch([&] {
      std::byte* place = all.data<std::byte>();
      for (int root = 0; root < size(); ++root) {
        const int64_t count = counts[static_cast<size_t>(root)];
        if (count == 0) continue;
        check_nccl(ncclBroadcast(piece.address(), place, nccl_count(count), nccl_type(all), root,
                                 comm, stream),
                   "ncclBroadcast", comm);
        place += count * size_of(all.type());
      }
    });
  };
  return enqueue(call, "ncclAllGather", {all, piece}, gather);
}

/// Parts of different lengths are reduced, each to its owner, for the same reason.
std::unique_ptr<Work> NcclCommunicator::start_scatter(const Call& call, const Tensor& part,
                                                      const Tensor& term, Counts counts) {
  const auto scatter = [&](ncclComm_t comm, cudaStream_t stream) {
    if (all_equal(counts)) {
      return ncclReduceScatter(term.address(), part.address(), nccl_count(counts[0]),
                               nccl_type(term), ncclSum, comm, stream);
    }
    return in_one_launch([&] {
      const std::byte* place = term.data<std::byte>();
      for (int root = 0; root < size(); ++root) {
        const int64_t count = counts[static_cast<size_t>(root)];
        if (count == 0) continue;
        check_nccl(ncclReduce(place, part.address(), nccl_count(count), nccl_type(term), ncclSum,
                              root, comm, stream),
                   "ncclReduce", comm);
        place += count * size_of(term.type());
      }
    });
  };
  return enqueue(call, "ncclReduceScatter", {part, term}, scatter);
}

// ---- From rank to rank --------------------------------------------------------------------------

static void nccl_send(const void* from, int64_t count, const Tensor& of, int to, ncclComm_t comm,
                      cudaStream_t stream) {
  check_nccl(ncclSend(from, nccl_count(count), nccl_type(of), to, comm, stream), "ncclSend", comm);
}

static void nccl_receive(void* into, int64_t count, const Tensor& of, int from, ncclComm_t comm,
                         cudaStream_t stream) {
  check_nccl(ncclRecv(into, nccl_count(count), nccl_type(of), from, comm, stream), "ncclRecv",
             comm);
}

/// By messages, as NCCL before 2.28 has nothing else, and none for parts of different sizes.
std::unique_ptr<Work> NcclCommunicator::start_transpose(const Call& call, const Tensor& in,
                                                        const Tensor& out, Counts to, Counts from) {
  const auto transpose = [&](ncclComm_t comm, cudaStream_t stream) {
    return in_one_launch([&] {
      const std::byte* source = out.data<std::byte>();
      std::byte* target = in.data<std::byte>();
      for (int other = 0; other < size(); ++other) {
        const int64_t sent = to[static_cast<size_t>(other)],
                      expected = from[static_cast<size_t>(other)];
        if (sent > 0) nccl_send(source, sent, out, other, comm, stream);
        if (expected > 0) nccl_receive(target, expected, in, other, comm, stream);
        source += sent * size_of(out.type());
        target += expected * size_of(in.type());
      }
    });
  };
  return enqueue(call, "ncclSend and ncclRecv", {in, out}, transpose);
}

std::unique_ptr<Work> NcclCommunicator::start_exchange(const Call& call, const Tensor& out, int to,
                                                       const Tensor& in, int from) {
  if (compares()) {  // NCCL itself does not compare the lengths
    const std::vector<std::string> sent = exchange_text(call, text(out.elements()));
    require_fit(call.op, from, std::stoll(sent[static_cast<size_t>(from)]), rank(), in.elements());
  }
  const auto exchange = [&](ncclComm_t comm, cudaStream_t stream) {
    return in_one_launch([&] {
      nccl_send(out.address(), out.elements(), out, to, comm, stream);
      nccl_receive(in.address(), in.elements(), in, from, comm, stream);
    });
  };
  return enqueue(call, "ncclSend and ncclRecv", {out, in}, exchange);
}

std::unique_ptr<Work> NcclCommunicator::move_messages(std::span<const Message> messages,
                                                      std::span<const Call> calls) {
  const Call& shown = main_call(calls);
  group_->ranks().show_waiting(shown);
  std::vector<Tensor> tensors;
  for (const Message& message : messages) tensors.push_back(message.tensor);
  const auto move = [&](ncclComm_t comm, cudaStream_t stream) {
    return in_one_launch([&] {
      for (const auto& [x, partner, is_sent, label] : messages) {
        if (is_sent) {
          nccl_send(x.address(), x.elements(), x, partner, comm, stream);
        } else {
          nccl_receive(x.address(), x.elements(), x, partner, comm, stream);
        }
      }
    });
  };
  auto work = enqueue(shown, "ncclSend and ncclRecv", std::move(tensors), move);
  if (!compares()) return work;
  return std::make_unique<CheckedMessages>(group_->ranks(), calls, std::move(work));
}

}  // namespace shard
