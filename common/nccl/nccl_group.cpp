#include "common/nccl/nccl_group.h"

#include <cstring>
#include <exception>
#include <iostream>

namespace shard {

double NcclSpan::seconds() const {
  device_.wait_until([this] { return is_known(); });
  return after.seconds_since(before);
}

static ncclConfig_t non_blocking() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return config;
}

static ncclResult_t state_of(ncclComm_t comm) {
  ncclResult_t state = ncclSuccess;
  check_nccl(ncclCommGetAsyncError(comm, &state), "ncclCommGetAsyncError", comm);
  return state;
}

// ---- Beginning ----------------------------------------------------------------------------------

NcclGroup::NcclGroup(CudaBackend& device, std::unique_ptr<MpiGroup> ranks)
    : device_(device),
      ranks_(std::move(ranks)),
      watcher_(device.watch([this](bool host_waits) { watch(host_waits); })) {}

std::unique_ptr<NcclGroup> NcclGroup::connect(CudaBackend& device,
                                              std::unique_ptr<MpiGroup> ranks) {
  std::unique_ptr<NcclGroup> group(new NcclGroup(device, std::move(ranks)));
  MpiGroup& mpi = group->ranks();
  const Call call{.op = Collective::connect, .number = 1};
  mpi.announce(call);
  ncclUniqueId id;
  if (mpi.rank() == 0) check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
  const std::string ids =
      mpi.gather_text(call, mpi.rank() == 0 ? std::string(id.internal, sizeof id.internal) : "")[0];
  std::memcpy(id.internal, ids.data(), sizeof id.internal);
  ncclConfig_t config = non_blocking();
  const ncclResult_t begun =
      ncclCommInitRankConfig(&group->comm_, mpi.size(), id, mpi.rank(), &config);
  group->settle(call, group->comm_, begun, "ncclCommInitRankConfig");
  return group;
}

std::unique_ptr<NcclGroup> NcclGroup::split(const Call& call, int color,
                                            std::unique_ptr<MpiGroup> part_ranks) {
  wait_for_all_but(0);  // NCCL's condition for a split
  const bool takes_part = part_ranks != nullptr && part_ranks->size() > 1;
  std::unique_ptr<NcclGroup> part;
  if (takes_part) part.reset(new NcclGroup(device_, std::move(part_ranks)));
  auto unused = std::make_unique<ncclComm_t>(nullptr);
  ncclComm_t* const place = takes_part ? &part->comm_ : unused.get();
  ncclConfig_t config = non_blocking();
  const ncclResult_t begun =
      ncclCommSplit(comm_, takes_part ? color : NCCL_SPLIT_NOCOLOR, ranks_->rank(), place, &config);
  try {
    settle(call, comm_, begun, "ncclCommSplit");
  } catch (...) {  // NCCL goes on in the background and may still write to the place
    static_cast<void>(part.release());
    static_cast<void>(unused.release());
    throw;
  }
  if (takes_part) settle(call, part->comm_, state_of(part->comm_), "ncclCommSplit");
  return part;
}

/// Waits until a call has done its part on the host, which may go on in the background.
void NcclGroup::settle(const Call& call, ncclComm_t comm, ncclResult_t result,
                       const char* name) const {
  check_nccl(result, name, comm);
  if (result == ncclSuccess) return;
  ranks_->wait(call, [&] {
    const ncclResult_t state = state_of(comm);
    check_nccl(state, name, comm);
    return state != ncclInProgress;
  });
}

// ---- Collectives --------------------------------------------------------------------------------

std::shared_ptr<const NcclSpan> NcclGroup::enqueue(
    const Call& call, const char* name,
    const std::function<ncclResult_t(ncclComm_t, cudaStream_t)>& start) {
  // CUDA's queue of launches is finite, and a full one would block the host for as long as the GPU
  // waits for a rank.
  constexpr size_t most_ahead = 32;
  require(comm_ != nullptr, "NCCL's communicator of ", ranks_->name(),
          " was aborted after an error");
  wait_for_all_but(most_ahead);
  auto span = std::make_shared<NcclSpan>(device_, call);
  const cudaStream_t stream = device_.communication_stream();
  order(device_.compute_stream(), stream);
  span->before.record(stream);
  settle(call, comm_, start(comm_, stream), name);
  span->after.record(stream);
  unfinished_.push_back(span);
  ranks_->show_computing();  // the host is free; whether the GPU waits, watch() will see
  return span;
}

void NcclGroup::wait_for_all_but(size_t count) {
  if (unfinished_.size() <= count) return;
  device_.wait_until([&] {
    drop_finished();
    return unfinished_.size() <= count;
  });
}

void NcclGroup::drop_finished() {
  while (!unfinished_.empty() && unfinished_.front()->is_known()) unfinished_.pop_front();
}

// ---- Watching -----------------------------------------------------------------------------------

/// Called from time to time while the host waits for the GPU, and after it.
void NcclGroup::watch(bool host_waits) {
  if (comm_ == nullptr) return;
  if (!host_waits) return stop_watching();
  try {
    drop_finished();
    const std::string in =
        unfinished_.empty()
            ? ""
            : text("; the oldest is ", ranks_->in_world(unfinished_.front()->call()));
    check_nccl(state_of(comm_), text("NCCL's collectives of ", ranks_->name(), in).c_str(), comm_);
    look();
  } catch (...) {
    abort();
    throw;
  }
}

/// Whether the GPU is in a collective of this group, and for how long.
void NcclGroup::look() {
  const bool waits = !unfinished_.empty() && unfinished_.front()->before.has_happened();
  if (!waits || watched_ != unfinished_.front()) stop_watching();
  if (!waits) return;
  if (watched_ == nullptr) {
    watched_ = unfinished_.front();
    patience_.emplace(*ranks_);
    ranks_->show_waiting(watched_->call());
  }
  patience_->look();
}

void NcclGroup::stop_watching() {
  if (watched_ != nullptr) ranks_->show_computing();
  watched_.reset();
  patience_.reset();
}

// ---- Ending -------------------------------------------------------------------------------------

NcclGroup::~NcclGroup() {
  if (comm_ != nullptr && (std::uncaught_exceptions() > 0 || !close())) abort();
  device_.unwatch(watcher_);
}

/// False if the others do not come.
bool NcclGroup::close() {
  try {
    wait_for_all_but(0);
    if (!ranks_->meet_at_end()) return false;
    check_nccl(ncclCommFinalize(comm_), "ncclCommFinalize", comm_);
    if (!ranks_->wait_at_end([this] { return state_of(comm_) != ncclInProgress; })) return false;
    check_nccl(state_of(comm_), "ncclCommFinalize", comm_);
    check_nccl(ncclCommDestroy(std::exchange(comm_, nullptr)), "ncclCommDestroy");
    return true;
  } catch (const std::exception& error) {
    std::cerr << "NCCL's communicator of " << ranks_->name() << ": " << error.what() << std::endl;
    return false;
  }
}

void NcclGroup::abort() {
  if (comm_ != nullptr) ncclCommAbort(std::exchange(comm_, nullptr));
}

}  // namespace shard
