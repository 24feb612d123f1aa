// How the ranks of an NCCL communicator find each other. Nothing here waits for another rank unless
// the communicator is a blocking one: a query of its state advances it.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <numeric>
#include <vector>

#include "common/mpi/mpi_group.h"
#include "fault.h"
#include "leaks.h"
#include "nccl_comm.h"

using namespace emulated_gpu;

namespace {

std::string last_error;

std::map<ncclComm_t, Comm>& comms() {
  static auto& all = *new std::map<ncclComm_t, Comm>;
  return all;
}

int version() {
  int major = NCCL_MAJOR, minor = NCCL_MINOR, patch = NCCL_PATCH;
  const char* wanted = std::getenv("SHARD_EMULATED_NCCL_VERSION");  // "2.30.3"
  if (wanted != nullptr && std::sscanf(wanted, "%d.%d.%d", &major, &minor, &patch) != 3) {
    fail(text("SHARD_EMULATED_NCCL_VERSION=", wanted,
              ": three numbers were expected, as in 2.30.3"));
  }
  return NCCL_VERSION(major, minor, patch);
}

bool ranks_may_share_a_device() {
  const char* enabled = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE");
  return version() >= NCCL_VERSION(2, 30, 0) && enabled != nullptr &&
         std::strcmp(enabled, "1") == 0;
}

/// Where a rank sits; `color` and `key` are those of a split.
struct Seat {
  int rank, world_rank, device, color, key;
  long host;
};

int world_rank() {
  int rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  return rank;
}

Seat my_seat(const ncclComm& comm) {
  return {comm.rank, world_rank(), place_of(comm.device), 0, 0, gethostid()};
}

/// The seats are known, in the order of the ranks: the communicator begins.
void begin(ncclComm& comm, const std::vector<Seat>& seats, int tag) {
  for (size_t a = 0; a < seats.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      if (ranks_may_share_a_device() || seats[a].host != seats[b].host ||
          seats[a].device != seats[b].device)
        continue;
      comm.state = nccl_error(ncclInvalidUsage, text("rank ", b, " and rank ", a,
                                                     " are both on CUDA device ", seats[a].device));
      return;
    }
  }
  std::vector<int> world_ranks;
  for (const Seat& seat : seats) world_ranks.push_back(seat.world_rank);
  MPI_Group world = MPI_GROUP_NULL, ours = MPI_GROUP_NULL;
  check_mpi(MPI_Comm_group(MPI_COMM_WORLD, &world), "MPI_Comm_group");
  check_mpi(MPI_Group_incl(world, static_cast<int>(seats.size()), world_ranks.data(), &ours),
            "MPI_Group_incl");
  check_mpi(MPI_Comm_create_group(MPI_COMM_WORLD, ours, tag, &comm.mpi), "MPI_Comm_create_group");
  MPI_Group_free(&ours);
  MPI_Group_free(&world);
  MPI_Comm_set_errhandler(comm.mpi, MPI_ERRORS_RETURN);
  check_mpi(MPI_Comm_rank(comm.mpi, &comm.rank), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(comm.mpi, &comm.size), "MPI_Comm_size");
  comm.state = ncclSuccess;
}

bool all_done(std::vector<MPI_Request>& requests) {
  int done = 0;
  check_mpi(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done,
                        MPI_STATUSES_IGNORE),
            "MPI_Testall");
  return done != 0;
}

// ---- By a unique id -----------------------------------------------------------------------------

/// What a ncclUniqueId holds.
struct Meeting {
  char mark[16];
  int host;  // rank of MPI_COMM_WORLD that has made the id, and collects the seats
  int tag;   // of this meeting's messages, and of the answers plus one
};
constexpr char mark_of_meeting[16] = "emulated NCCL";
constexpr int first_tag = 20000;

/// Every rank tells the host its seat, and the host tells all seats to every rank.
class Gathering {
 public:
  Gathering(ncclComm& comm, const Meeting& meeting)
      : comm_(comm),
        meeting_(meeting),
        mine_(my_seat(comm)),
        seats_(static_cast<size_t>(comm.size)) {
    const bool is_host = mine_.world_rank == meeting.host;
    const int seats_bytes = static_cast<int>(seats_.size() * sizeof(Seat));
    if (is_host) {
      for (Seat& seat : seats_) receive(&seat, sizeof(Seat), MPI_ANY_SOURCE, meeting.tag);
    } else {
      receive(seats_.data(), seats_bytes, meeting.host, meeting.tag + 1);
    }
    send(&mine_, sizeof(Seat), meeting.host, meeting.tag);
  }

  bool advance() {
    if (!all_done(requests_)) return false;
    if (mine_.world_rank == meeting_.host && !told_) {
      told_ = true;
      std::sort(seats_.begin(), seats_.end(),
                [](const Seat& a, const Seat& b) { return a.rank < b.rank; });
      requests_.clear();
      for (const Seat& seat : seats_) {
        const int bytes = static_cast<int>(seats_.size() * sizeof(Seat));
        if (seat.world_rank != meeting_.host)
          send(seats_.data(), bytes, seat.world_rank, meeting_.tag + 1);
      }
      if (!all_done(requests_)) return false;
    }
    begin(comm_, seats_, meeting_.tag);
    return true;
  }

 private:
  void send(const void* from, int bytes, int to, int tag) {
    check_mpi(MPI_Isend(from, bytes, MPI_BYTE, to, tag, MPI_COMM_WORLD, &requests_.emplace_back()),
              "MPI_Isend");
  }
  void receive(void* to, int bytes, int from, int tag) {
    check_mpi(MPI_Irecv(to, bytes, MPI_BYTE, from, tag, MPI_COMM_WORLD, &requests_.emplace_back()),
              "MPI_Irecv");
  }

  ncclComm& comm_;
  Meeting meeting_;
  Seat mine_;
  std::vector<Seat> seats_;
  std::vector<MPI_Request> requests_;
  bool told_ = false;
};

// ---- By a split ---------------------------------------------------------------------------------

/// All ranks of the whole tell each other their colors.
class Split {
 public:
  Split(ncclComm& whole, int color, int key, Comm part)
      : part_(std::move(part)),
        mine_(my_seat(whole)),
        seats_(static_cast<size_t>(whole.size)),
        requests_(1) {
    mine_.color = color;
    mine_.key = key;
    check_mpi(MPI_Iallgather(&mine_, sizeof(Seat), MPI_BYTE, seats_.data(), sizeof(Seat), MPI_BYTE,
                             whole.mpi, requests_.data()),
              "MPI_Iallgather");
  }

  bool advance() {
    if (!all_done(requests_)) return false;
    if (part_ == nullptr) return true;
    std::erase_if(seats_, [&](const Seat& seat) { return seat.color != mine_.color; });
    std::stable_sort(seats_.begin(), seats_.end(),
                     [](const Seat& a, const Seat& b) { return a.key < b.key; });
    begin(*part_, seats_, first_tag - 1);
    return true;
  }

 private:
  Comm part_;
  Seat mine_;
  std::vector<Seat> seats_;
  std::vector<MPI_Request> requests_;
};

/// A GPU goes on while its host waits for other ranks, and they may wait for the GPU's part of a
/// collective; a queue of the emulation goes on only in calls.
class Progress : public shard::InBackground {
 public:
  void progress() override {
    for (const auto& [handle, comm] : comms()) {
      if (comm->unstarted.empty()) continue;
      const ncclComm::Place last = comm->unstarted.back();
      last.stream->advance(last.ticket);
    }
  }
};

Comm make_comm(const ncclConfig_t* config, bool blocking) {
  static auto& while_host_waits = *new Progress;
  static_cast<void>(while_host_waits);
  report_leaks_at_exit();
  auto comm = std::make_shared<ncclComm>();
  comm->device = current_device();
  const bool chosen = config != nullptr && config->blocking != NCCL_CONFIG_UNDEF_INT;
  comm->blocking = chosen ? config->blocking != 0 : blocking;
  comms().emplace(comm.get(), comm);
  return comm;
}

/// Waits for the background of a blocking communicator.
ncclResult_t settled(ncclComm& comm) {
  if (!comm.blocking) {
    comm.poll();
    return comm.state;
  }
  wait_until([&] {
    comm.poll();
    return comm.background == nullptr;
  });
  return comm.state;
}

bool mpi_runs() {
  int begun = 0, ended = 0;
  MPI_Initialized(&begun);
  MPI_Finalized(&ended);
  return begun != 0 && ended == 0;
}

}  // namespace

void ncclComm::poll() {
  if (background != nullptr && background()) background = nullptr;
}

namespace emulated_gpu {

Comm find_comm(ncclComm_t handle) {
  const auto found = comms().find(handle);
  return found != comms().end() ? found->second : nullptr;
}

size_t live_nccl_communicators() { return comms().size(); }

ncclResult_t nccl_error(ncclResult_t result, const std::string& sentence) {
  last_error = sentence;
  return result;
}

void check_mpi(int result, const char* call) {
  if (result == MPI_SUCCESS) return;
  char message[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(result, message, &length);
  fail(text(call, ": ", message));
}

}  // namespace emulated_gpu

// ---- NCCL's functions ---------------------------------------------------------------------------

ncclResult_t ncclGetVersion(int* result) {
  *result = version();
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static int made = 0;
  if (id == nullptr) return nccl_error(ncclInvalidArgument, "no place for the unique id");
  if (!mpi_runs()) return nccl_error(ncclSystemError, "the emulated NCCL needs MPI");
  Meeting meeting{};
  std::memcpy(meeting.mark, mark_of_meeting, sizeof meeting.mark);
  meeting.host = world_rank();
  meeting.tag = first_tag + 2 * made++ % 10000;
  std::memset(id, 0, sizeof *id);
  std::memcpy(id, &meeting, sizeof meeting);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* handle, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  Meeting meeting{};
  std::memcpy(&meeting, &id, sizeof meeting);
  if (handle == nullptr || ranks < 1 || rank < 0 || rank >= ranks) {
    return nccl_error(ncclInvalidArgument, text("rank ", rank, " of ", ranks, " is no rank"));
  }
  if (std::memcmp(meeting.mark, mark_of_meeting, sizeof meeting.mark) != 0) {
    return nccl_error(ncclInvalidArgument, "the unique id was not made by ncclGetUniqueId");
  }
  if (!mpi_runs()) return nccl_error(ncclSystemError, "the emulated NCCL needs MPI");
  const Comm comm = make_comm(config, true);
  comm->rank = rank;
  comm->size = ranks;
  comm->background = [gathering = std::make_shared<Gathering>(*comm, meeting)] {
    return gathering->advance();
  };
  *handle = comm.get();
  return settled(*comm);
}

ncclResult_t ncclCommSplit(ncclComm_t handle, int color, int key, ncclComm_t* part_handle,
                           ncclConfig_t* config) {
  const Comm whole = find_comm(handle);
  if (whole == nullptr || part_handle == nullptr)
    return nccl_error(ncclInvalidArgument, "no such communicator");
  if (whole->state != ncclSuccess || whole->unfinished > 0) {
    return nccl_error(ncclInvalidUsage,
                      "a communicator is split while something is still going on in it");
  }
  const Comm part = color >= 0 ? make_comm(config, whole->blocking) : nullptr;
  whole->state = ncclInProgress;
  whole->background = [whole = whole.get(),
                       split = std::make_shared<Split>(*whole, color, key, part)] {
    if (!split->advance()) return false;
    whole->state = ncclSuccess;
    return true;
  };
  *part_handle = part.get();
  return settled(*whole);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t* error) {
  const Comm comm = find_comm(handle);
  if (comm == nullptr || error == nullptr)
    return nccl_error(ncclInvalidArgument, "no such communicator");
  comm->poll();
  static const uint64_t fails_at = setting("SHARD_EMULATED_NCCL_FAILS_AT", 0);
  if (fails_at > 0 && comm->enqueued >= fails_at && comm->state == ncclSuccess) {
    comm->state = nccl_error(ncclRemoteError, "the emulation was told to fail here");
  }
  *error = comm->state;
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t handle) {
  const Comm comm = find_comm(handle);
  if (comm == nullptr) return nccl_error(ncclInvalidArgument, "no such communicator");
  if (comm->state != ncclSuccess)
    return nccl_error(ncclInvalidUsage, "the communicator is not ready");
  comm->state = ncclInProgress;
  comm->background = [comm = comm.get()] {
    if (comm->unfinished > 0) advance_all(comm->device);
    if (comm->unfinished == 0) comm->state = ncclSuccess;
    return comm->unfinished == 0;
  };
  return settled(*comm);
}

ncclResult_t ncclCommDestroy(ncclComm_t handle) {
  const Comm comm = find_comm(handle);
  if (comm == nullptr) return nccl_error(ncclInvalidArgument, "no such communicator");
  wait_until([&] { return comm->unfinished == 0 || advance_all(comm->device); });
  comms().erase(handle);
  if (comm->mpi != MPI_COMM_NULL && mpi_runs()) MPI_Comm_free(&comm->mpi);
  return ncclSuccess;
}

/// The MPI communicator stays: what was begun on it cannot be taken back.
ncclResult_t ncclCommAbort(ncclComm_t handle) {
  const Comm comm = find_comm(handle);
  if (comm == nullptr) return nccl_error(ncclInvalidArgument, "no such communicator");
  static auto& aborted = *new std::vector<Comm>;
  comm->aborted = true;
  aborted.push_back(comm);
  comms().erase(handle);
  return ncclSuccess;
}

const char* ncclGetLastError(ncclComm_t) { return last_error.c_str(); }

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess: return "no error";
    case ncclSystemError: return "unhandled system error";
    case ncclInvalidArgument: return "invalid argument";
    case ncclInvalidUsage: return "invalid usage";
    case ncclRemoteError: return "remote process exited or there was a network error";
    case ncclInProgress: return "NCCL operation in progress";
  }
  return "unknown result code";
}
