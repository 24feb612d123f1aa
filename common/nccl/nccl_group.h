// NcclGroup: an NCCL communicator with one owner, beside the MPI group of the same ranks.
//
// No call waits for other ranks without a time limit: NCCL runs in its non-blocking mode, and
// whoever waits for the GPU calls the group's watcher, which looks at NCCL's state, the clock and
// the status board.
//
// The collectives of all groups of a device go into its one communication stream, in the order of
// the program. As all ranks run the same program, no two of them can wait for each other in
// collectives of two groups.
#pragma once
#include <deque>
#include <functional>
#include <optional>

#include "common/cuda/cuda_backend.h"
#include "common/mpi/mpi_group.h"
#include "common/nccl/check.h"

namespace shard {

/// A collective in the communication stream, from its begin, when this GPU has computed what came
/// before, to its end.
class NcclSpan : public DeviceTime {
 public:
  NcclSpan(CudaBackend& device, const Call& call) : device_(device), call_(call) {}
  bool is_known() const override { return after.has_happened(); }
  double seconds() const override;
  double begin() const override { return device_.trace().moment_of(before); }
  const Call& call() const { return call_; }

  Event before{true}, after{true};

 private:
  CudaBackend& device_;
  Call call_;
};

class NcclGroup {
 public:
  /// Connects the GPUs of the group's ranks. Collective.
  static std::unique_ptr<NcclGroup> connect(CudaBackend& device, std::unique_ptr<MpiGroup> ranks);
  /// Part of these ranks as a group of its own: `part` is the MPI group that has been split off
  /// with `color`. nullptr where it is nullptr or one rank. Collective over all ranks.
  std::unique_ptr<NcclGroup> split(const Call& call, int color, std::unique_ptr<MpiGroup> part);
  /// Collective, but after an exception or when the others do not come: then it aborts.
  ~NcclGroup();
  NcclGroup(const NcclGroup&) = delete;

  MpiGroup& ranks() const { return *ranks_; }
  CudaBackend& device() const { return device_; }

  /// Puts `start`, the NCCL call of this name, into the communication stream, after what has been
  /// computed so far.
  std::shared_ptr<const NcclSpan> enqueue(
      const Call& call, const char* name,
      const std::function<ncclResult_t(ncclComm_t, cudaStream_t)>& start);

 private:
  NcclGroup(CudaBackend& device, std::unique_ptr<MpiGroup> ranks);
  void settle(const Call& call, ncclComm_t comm, ncclResult_t result, const char* name) const;
  void wait_for_all_but(size_t count);
  void drop_finished();
  void watch(bool host_waits);
  void look();
  void stop_watching();
  bool close();
  void abort();

  CudaBackend& device_;
  std::unique_ptr<MpiGroup> ranks_;
  ncclComm_t comm_ = nullptr;
  int watcher_;
  std::deque<std::shared_ptr<NcclSpan>> unfinished_;  // as far as is known, in their order
  std::shared_ptr<NcclSpan> watched_;        // the one that this rank has been seen to wait in
  std::optional<MpiGroup::Watch> patience_;  // with it
};

}  // namespace shard
