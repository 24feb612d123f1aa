// NCCL's collectives: what they read is copied to the host, MPI's non-blocking calls carry it, and
// what arrives is copied to the device. Sums of bf16 are formed in float and rounded once.
#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "common/base/bfloat16.h"
#include "fault.h"
#include "memory.h"
#include "nccl_comm.h"

using namespace emulated_gpu;
using shard::BFloat16;

namespace {

/// An element as stored on the device, and as MPI reduces it on the host.
struct Type {
  size_t bytes;
  MPI_Datatype reduced_as;
};

Type type_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt32: return {4, MPI_INT32_T};
    case ncclFloat32: return {4, MPI_FLOAT};
    case ncclBfloat16: return {2, MPI_FLOAT};
    default: return {0, MPI_DATATYPE_NULL};
  }
}

MPI_Op mpi_op(ncclRedOp_t op) {
  switch (op) {
    case ncclSum: return MPI_SUM;
    case ncclMax: return MPI_MAX;
    default: return MPI_OP_NULL;
  }
}

/// One call of NCCL. Counts are in elements of what this rank reads and writes; 0 where it does
/// not.
struct Call {
  const char* name;
  Comm comm;
  const void* from;
  size_t count_from;
  void* to;
  size_t count_to;
  ncclDataType_t type;
  bool reduces;
  /// Starts MPI's call on host memory. Where nothing is reduced, MPI's elements are bytes.
  std::function<int(const void* from, void* to, MPI_Datatype type, MPI_Request* request)> start_mpi;
};

class Transfer {
 public:
  /// The memory may be freed before the transfer has begun, if only after it in the order of a
  /// stream.
  explicit Transfer(Call call) : call_(std::move(call)) {
    const Doing doing(call_.name);
    require_memory(call_.from, call_.count_from, "reads");
    require_memory(call_.to, call_.count_to, "writes");
  }

  ncclComm& comm() const { return *call_.comm; }

  void start() {
    const Access access;
    const Doing doing(call_.name);
    take();
    const bool widened = is_widened();
    const size_t host_bytes = widened ? sizeof(float) : type_of(call_.type).bytes;
    arriving_.resize(call_.count_to * host_bytes);
    const MPI_Datatype type = call_.reduces ? type_of(call_.type).reduced_as : MPI_BYTE;
    check_mpi(call_.start_mpi(leaving_.data(), arriving_.data(), type, &request_), call_.name);
  }

  bool is_done() {
    if (done_) return true;
    const Doing doing(call_.name);
    if (is_cut_off_) return false;
    int arrived = 0, kind = MPI_SUCCESS;
    const int result = MPI_Test(&request_, &arrived, MPI_STATUS_IGNORE);
    MPI_Error_class(result, &kind);
    is_cut_off_ = kind == MPI_ERR_TRUNCATE;
    if (is_cut_off_) return false;
    check_mpi(result, "MPI");
    if (arrived == 0) return false;
    give();
    return done_ = true;
  }

 private:
  bool is_widened() const { return call_.reduces && call_.type == ncclBfloat16; }

  void require_memory(const void* address, size_t count, const char* what) const {
    const size_t bytes = count * type_of(call_.type).bytes;
    if (bytes == 0 || device_memory().holds(address, bytes)) return;
    fail(text("the ", bytes, " bytes that it ", what,
              " are not within an allocation of device memory"));
  }

  void take() {
    if (call_.count_from == 0) return;
    if (is_widened()) {
      leaving_.resize(call_.count_from * sizeof(float));
      std::copy_n(static_cast<const BFloat16*>(call_.from), call_.count_from,
                  reinterpret_cast<float*>(leaving_.data()));
    } else {
      leaving_.resize(call_.count_from * type_of(call_.type).bytes);
      std::memcpy(leaving_.data(), call_.from, leaving_.size());
    }
  }

  void give() {
    if (call_.count_to == 0) return;
    const Access access;
    if (is_widened()) {
      std::copy_n(reinterpret_cast<const float*>(arriving_.data()), call_.count_to,
                  static_cast<BFloat16*>(call_.to));
    } else {
      std::memcpy(call_.to, arriving_.data(), arriving_.size());
    }
  }

  Call call_;
  std::vector<char> leaving_, arriving_;
  MPI_Request request_ = MPI_REQUEST_NULL;
  bool done_ = false;
  bool is_cut_off_ = false;  // a message longer than its receiver expects: NCCL then waits for ever
};

/// The calls of a group in one stream: they start together and progress together.
class Group {
 public:
  explicit Group(std::vector<std::shared_ptr<Transfer>> transfers)
      : transfers_(std::move(transfers)) {
    for (const auto& transfer : transfers_) {
      if (std::find(comms_.begin(), comms_.end(), &transfer->comm()) == comms_.end()) {
        comms_.push_back(&transfer->comm());
      }
    }
  }

  /// Its place in the stream is known: from now on later operations of its communicators wait for
  /// it to start.
  void takes(const ncclComm::Place& place) {
    for (ncclComm* comm : comms_) {
      comm->unstarted.push_back(place);
      ++comm->unfinished;
    }
    place_ = place;
  }

  bool advance() {
    if (std::any_of(comms_.begin(), comms_.end(), [](ncclComm* comm) { return comm->aborted; }))
      return abandon();
    if (!started_ && !start()) return false;
    bool all_done = true;
    for (const auto& transfer : transfers_) all_done = transfer->is_done() && all_done;
    if (all_done) {
      for (ncclComm* comm : comms_) --comm->unfinished;
    }
    return all_done;
  }

 private:
  /// False as long as an operation that was enqueued earlier on one of the communicators has not
  /// started.
  bool start() {
    for (ncclComm* comm : comms_) {
      while (comm->unstarted.front() != place_) {
        const ncclComm::Place first = comm->unstarted.front();
        first.stream->advance(first.ticket);
        if (comm->unstarted.front() == first) return false;
      }
    }
    for (ncclComm* comm : comms_) comm->unstarted.pop_front();
    for (const auto& transfer : transfers_) transfer->start();
    return started_ = true;
  }

  /// MPI may still write to the memory of what has started: it is never freed.
  bool abandon() {
    static auto& abandoned = *new std::vector<std::shared_ptr<Transfer>>;
    abandoned.insert(abandoned.end(), transfers_.begin(), transfers_.end());
    for (ncclComm* comm : comms_) --comm->unfinished;
    return true;
  }

  ncclComm::Place place_{};
  std::vector<std::shared_ptr<Transfer>> transfers_;
  std::vector<ncclComm*> comms_;  // kept alive by the transfers
  bool started_ = false;
};

int group_depth = 0;
struct Collected {
  Stream stream;
  std::vector<std::shared_ptr<Transfer>> transfers;
};
std::vector<Collected> collected;  // since ncclGroupStart, one for each stream

/// Starts as soon as what precedes it in its stream has run, and tries that now.
void enqueue_group(Collected& one) {
  const auto group = std::make_shared<Group>(std::move(one.transfers));
  enqueue(one.stream, [group] { return group->advance(); });
  group->takes({one.stream, one.stream->enqueued()});
  one.stream->advance(one.stream->enqueued());
}

ncclResult_t collect(Call call, ncclComm_t handle, cudaStream_t stream_handle) {
  call.comm = find_comm(handle);
  const Stream stream = find_stream(stream_handle);
  if (call.comm == nullptr)
    return nccl_error(ncclInvalidArgument, text(call.name, ": no such communicator"));
  if (call.comm->state != ncclSuccess)
    return nccl_error(ncclInvalidUsage, text(call.name, ": the communicator is not ready"));
  if (stream == nullptr || stream->device != call.comm->device) {
    return nccl_error(ncclInvalidArgument,
                      text(call.name, ": the stream is not one of the communicator's device"));
  }
  if (type_of(call.type).bytes == 0)
    return nccl_error(ncclInvalidArgument, text(call.name, ": unknown type"));
  if (std::max(call.count_from, call.count_to) * sizeof(float) > INT_MAX) {
    return nccl_error(ncclInvalidArgument,
                      text(call.name, ": too many elements for the emulation"));
  }
  ++call.comm->enqueued;
  auto same = std::find_if(collected.begin(), collected.end(),
                           [&](const Collected& c) { return c.stream == stream; });
  if (same == collected.end()) same = collected.insert(same, {stream, {}});
  same->transfers.push_back(std::make_shared<Transfer>(std::move(call)));
  if (group_depth > 0) return ncclSuccess;
  ncclGroupStart();
  return ncclGroupEnd();
}

int as_int(size_t count) { return static_cast<int>(count); }

bool is_rank(ncclComm_t comm, int rank) {
  return find_comm(comm) != nullptr && rank >= 0 && rank < comm->size;
}

}  // namespace

ncclResult_t ncclGroupStart() {
  ++group_depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (group_depth == 0) return nccl_error(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
  if (--group_depth > 0) return ncclSuccess;
  std::vector<Collected> all;
  all.swap(collected);
  for (Collected& one : all) enqueue_group(one);
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  if (mpi_op(op) == MPI_OP_NULL)
    return nccl_error(ncclInvalidArgument, "ncclAllReduce: unknown operation");
  const auto start = [=](const void* in, void* out, MPI_Datatype mpi_type, MPI_Request* request) {
    return MPI_Iallreduce(in, out, as_int(count), mpi_type, mpi_op(op), comm->mpi, request);
  };
  return collect({"ncclAllReduce", nullptr, from, count, to, count, type, true, start}, comm,
                 stream);
}

ncclResult_t ncclReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream) {
  if (mpi_op(op) == MPI_OP_NULL)
    return nccl_error(ncclInvalidArgument, "ncclReduce: unknown operation");
  if (!is_rank(comm, root))
    return nccl_error(ncclInvalidArgument, text("ncclReduce: no rank ", root));
  const auto start = [=](const void* in, void* out, MPI_Datatype mpi_type, MPI_Request* request) {
    return MPI_Ireduce(in, out, as_int(count), mpi_type, mpi_op(op), root, comm->mpi, request);
  };
  const size_t count_to = comm->rank == root ? count : 0;
  return collect({"ncclReduce", nullptr, from, count, to, count_to, type, true, start}, comm,
                 stream);
}

ncclResult_t ncclReduceScatter(const void* from, void* to, size_t count_of_part,
                               ncclDataType_t type, ncclRedOp_t op, ncclComm_t comm,
                               cudaStream_t stream) {
  if (mpi_op(op) == MPI_OP_NULL)
    return nccl_error(ncclInvalidArgument, "ncclReduceScatter: unknown operation");
  if (!is_rank(comm, 0))
    return nccl_error(ncclInvalidArgument, "ncclReduceScatter: no such communicator");
  const auto start = [=](const void* in, void* out, MPI_Datatype mpi_type, MPI_Request* request) {
    return MPI_Ireduce_scatter_block(in, out, as_int(count_of_part), mpi_type, mpi_op(op),
                                     comm->mpi, request);
  };
  const size_t whole = count_of_part * static_cast<size_t>(comm->size);
  return collect({"ncclReduceScatter", nullptr, from, whole, to, count_of_part, type, true, start},
                 comm, stream);
}

ncclResult_t ncclAllGather(const void* from, void* to, size_t count_of_part, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  if (!is_rank(comm, 0))
    return nccl_error(ncclInvalidArgument, "ncclAllGather: no such communicator");
  const auto start = [=](const void* in, void* out, MPI_Datatype byte, MPI_Request* request) {
    const int bytes = as_int(count_of_part * type_of(type).bytes);
    return MPI_Iallgather(in, bytes, byte, out, bytes, byte, comm->mpi, request);
  };
  const size_t whole = count_of_part * static_cast<size_t>(comm->size);
  return collect({"ncclAllGather", nullptr, from, count_of_part, to, whole, type, false, start},
                 comm, stream);
}

ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  if (!is_rank(comm, root))
    return nccl_error(ncclInvalidArgument, text("ncclBroadcast: no rank ", root));
  const bool is_root = comm->rank == root;
  const auto start = [=](const void* in, void* out, MPI_Datatype byte, MPI_Request* request) {
    const int bytes = as_int(count * type_of(type).bytes);
    if (is_root && bytes > 0) std::memcpy(out, in, static_cast<size_t>(bytes));
    return MPI_Ibcast(out, bytes, byte, root, comm->mpi, request);
  };
  return collect({"ncclBroadcast", nullptr, from, is_root ? count : 0, to, count, type, false,
                  start},
                 comm, stream);
}

// A send ends when it is received: NCCL does not promise more, whatever fits into its buffers.
ncclResult_t ncclSend(const void* from, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  if (!is_rank(comm, peer))
    return nccl_error(ncclInvalidArgument, text("ncclSend: no rank ", peer));
  const auto start = [=](const void* in, void*, MPI_Datatype byte, MPI_Request* request) {
    return MPI_Issend(in, as_int(count * type_of(type).bytes), byte, peer, 0, comm->mpi, request);
  };
  return collect({"ncclSend", nullptr, from, count, nullptr, 0, type, false, start}, comm, stream);
}

ncclResult_t ncclRecv(void* to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  if (!is_rank(comm, peer))
    return nccl_error(ncclInvalidArgument, text("ncclRecv: no rank ", peer));
  const auto start = [=](const void*, void* out, MPI_Datatype byte, MPI_Request* request) {
    return MPI_Irecv(out, as_int(count * type_of(type).bytes), byte, peer, 0, comm->mpi, request);
  };
  return collect({"ncclRecv", nullptr, nullptr, 0, to, count, type, false, start}, comm, stream);
}
