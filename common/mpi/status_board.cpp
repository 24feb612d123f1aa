#include "common/mpi/status_board.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "common/base/clock.h"
#include "common/mpi/check.h"

namespace shard {

enum class Phase : int { computing, waiting, left };

/// Written by its own rank, read by the others: only for messages, so the fields need not agree to
/// the last moment.
struct StatusBoard::Slot {
  std::atomic<pid_t> process;
  std::atomic<bool> told;  // on the first slot only
  std::atomic<Phase> phase;
  std::atomic<Collective> op;
  std::atomic<DataType> type;
  std::atomic<int64_t> count, number;
  std::atomic<int> partner;  // of a message, in the world
  Label label;
  std::atomic<double> since;
  char group[24];
};

StatusBoard::StatusBoard(MPI_Comm node) {
  int size = 0;
  check_mpi(MPI_Comm_size(node, &size), "MPI_Comm_size");
  int world_rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &world_rank), "MPI_Comm_rank");
  world_ranks_.resize(static_cast<size_t>(size));
  check_mpi(MPI_Allgather(&world_rank, 1, MPI_INT, world_ranks_.data(), 1, MPI_INT, node),
            "MPI_Allgather");
  void* memory = nullptr;
  check_mpi(MPI_Win_allocate_shared(sizeof(Slot), 1, MPI_INFO_NULL, node, &memory, &window_),
            "MPI_Win_allocate_shared");
  mine_ = new (memory) Slot{};
  for (int rank = 0; rank < size; ++rank) {
    MPI_Aint bytes = 0;
    int unit = 0;
    check_mpi(MPI_Win_shared_query(window_, rank, &bytes, &unit, &memory), "MPI_Win_shared_query");
    slots_.push_back(static_cast<Slot*>(memory));
  }
  mine_->process = getpid();
  computes();
  check_mpi(MPI_Barrier(node), "MPI_Barrier");
  sees_processes_ = first_gone() < 0;
}

StatusBoard::~StatusBoard() { MPI_Win_free(&window_); }

const StatusBoard::Slot* StatusBoard::slot_of(int world_rank) const {
  const auto found = std::find(world_ranks_.begin(), world_ranks_.end(), world_rank);
  return found == world_ranks_.end() ? nullptr
                                     : slots_[static_cast<size_t>(found - world_ranks_.begin())];
}

void StatusBoard::waits(const Call& call, std::string_view group) {
  Slot& mine = *mine_;
  if (mine.phase == Phase::left) return;
  mine.op = call.op;
  mine.type = call.type;
  mine.count = call.count;
  mine.number = call.number;
  mine.partner = call.partner;
  mine.label = call.label;
  const size_t length = std::min(group.size(), sizeof mine.group - 1);
  std::memcpy(mine.group, group.data(), length);
  mine.group[length] = '\0';
  mine.since = now();
  mine.phase = Phase::waiting;
}

void StatusBoard::computes() {
  Slot& mine = *mine_;
  if (mine.phase == Phase::left) return;
  mine.since = now();
  mine.phase = Phase::computing;
}

void StatusBoard::leaves() { mine_->phase = Phase::left; }

int StatusBoard::first_that_left(const std::vector<int>& ranks) const {
  for (int rank : ranks) {
    const Slot* other = slot_of(rank);
    if (other != nullptr && other->phase == Phase::left) return rank;
  }
  return -1;
}

int StatusBoard::first_that_died() const { return sees_processes_ ? first_gone() : -1; }

int StatusBoard::first_gone() const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const bool gone = kill(slots_[i]->process, 0) != 0 && errno == ESRCH;
    if (gone && slots_[i]->phase != Phase::left) return world_ranks_[i];
  }
  return -1;
}

bool StatusBoard::may_tell() { return !slots_.front()->told.exchange(true); }

/// Whether a signal or a debugger has stopped the process: "PID (NAME) T …" in Linux's list.
static bool is_stopped(pid_t process) {
  std::string line;
  std::getline(std::ifstream(text("/proc/", process, "/stat")), line);
  const size_t state = line.rfind(") ");
  return state != std::string::npos && (line[state + 2] == 'T' || line[state + 2] == 't');
}

std::string StatusBoard::describe(const std::vector<int>& ranks) const {
  std::string all;
  for (int rank : ranks) {
    all += text(all.empty() ? "" : "; ", "rank ", rank, " ");
    const Slot* other = slot_of(rank);
    if (other == nullptr) {
      all += "is on another node";
      continue;
    }
    const Call call{.op = other->op,
                    .count = other->count,
                    .type = other->type,
                    .number = other->number,
                    .partner = other->partner,
                    .label = other->label};
    const std::string group = call.number > 0 ? other->group : "no group";
    const std::string since =
        text(" for ", static_cast<int64_t>((now() - other->since) * 10) / 10.0, " s");
    if (is_stopped(other->process)) all += "is stopped by a signal, and ";
    switch (other->phase.load()) {
      case Phase::left: all += "has exited"; break;
      case Phase::waiting: all += waiting_in(call, group) + since; break;
      case Phase::computing:
        all += "is not in a collective" + since;
        if (call.number > 0) all += text(", its last was ", call, " on ", group);
        break;
    }
  }
  return all;
}

}  // namespace shard
