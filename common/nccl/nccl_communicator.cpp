#include "common/nccl/nccl_communicator.h"

#include <algorithm>
#include <cstdlib>

#include "common/comm/group_of_one.h"

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

std::unique_ptr<Communicator> NcclCommunicator::make_part(int color, const std::string& name) {
  std::unique_ptr<NcclGroup> part = group_->split(color, name);
  if (part == nullptr) return std::make_unique<GroupOfOne>(backend(), ledger(), name);
  return std::unique_ptr<Communicator>(new NcclCommunicator(ledger(), std::move(part)));
}

void NcclCommunicator::announce(const Call& call) {
  call_ = call;
  group_->ranks().announce(call);
}

std::unique_ptr<Work> NcclCommunicator::start_reduction(Tensor& x, ncclRedOp_t op) {
  auto span = group_->enqueue(call_, "ncclAllReduce", [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclAllReduce(x.address(), x.address(), nccl_count(x.elements()), nccl_type(x), op, comm,
                         stream);
  });
  return std::make_unique<NcclWork>(group_->device(), span, std::vector{x});
}

std::unique_ptr<Work> NcclCommunicator::start_sum(Tensor& x) { return start_reduction(x, ncclSum); }

std::unique_ptr<Work> NcclCommunicator::start_max(Tensor& x) { return start_reduction(x, ncclMax); }

/// Pieces of different lengths are broadcast, each by its owner: NCCL passes a broadcast on from
/// rank to rank, so that every link carries every piece once. Sent directly, a piece would leave
/// its owner size - 1 times.
std::unique_ptr<Work> NcclCommunicator::start_gather(Tensor& all, const Tensor& piece,
                                                     std::span<const int64_t> counts) {
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
  auto span = group_->enqueue(call_, "ncclAllGather", gather);
  return std::make_unique<NcclWork>(group_->device(), span, std::vector{all, piece});
}

/// Parts of different lengths are reduced, each to its owner, for the same reason.
std::unique_ptr<Work> NcclCommunicator::start_scatter(Tensor& part, const Tensor& term,
                                                      std::span<const int64_t> counts) {
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
  auto span = group_->enqueue(call_, "ncclReduceScatter", scatter);
  return std::make_unique<NcclWork>(group_->device(), span, std::vector{part, term});
}

std::unique_ptr<Work> NcclCommunicator::start_broadcast(Tensor& x, int root) {
  auto span = group_->enqueue(call_, "ncclBroadcast", [&](ncclComm_t comm, cudaStream_t stream) {
    return ncclBroadcast(x.address(), x.address(), nccl_count(x.elements()), nccl_type(x), root,
                         comm, stream);
  });
  return std::make_unique<NcclWork>(group_->device(), span, std::vector{x});
}

std::unique_ptr<Work> NcclCommunicator::start_exchange(const Tensor& out, int to, Tensor& in,
                                                       int from) {
  if (group_->ranks().settings().check_collectives) {  // NCCL itself does not compare the lengths
    const std::vector<std::string> sent = exchange_text(text(out.elements()));
    require_fit(from, std::stoll(sent[static_cast<size_t>(from)]), rank(), in.elements());
  }
  auto span =
      group_->enqueue(call_, "ncclSend and ncclRecv", [&](ncclComm_t comm, cudaStream_t stream) {
        return in_one_launch([&] {
          check_nccl(ncclSend(out.address(), nccl_count(out.elements()), nccl_type(out), to, comm,
                              stream),
                     "ncclSend", comm);
          check_nccl(ncclRecv(in.address(), nccl_count(in.elements()), nccl_type(in), from, comm,
                              stream),
                     "ncclRecv", comm);
        });
      });
  return std::make_unique<NcclWork>(group_->device(), span, std::vector{out, in});
}

}  // namespace shard
