#include "common/mpi/status_board.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "common/clock.h"
#include "common/mpi/check.h"

namespace shard {

enum class Phase : int { computing, waiting, left };

/// Written by its own rank, read by the others: only for messages, so the fields need not agree to the last moment.
struct StatusBoard::Slot {
  std::atomic<Phase> phase;
  std::atomic<Collective> op;
  std::atomic<DataType> type;
  std::atomic<int64_t> count, number;
  std::atomic<double> since;
  char group[24];
};

StatusBoard::StatusBoard(MPI_Comm node) {
  int size = 0;
  check_mpi(MPI_Comm_size(node, &size), "MPI_Comm_size");
  int world_rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &world_rank), "MPI_Comm_rank");
  world_ranks_.resize(static_cast<size_t>(size));
  check_mpi(MPI_Allgather(&world_rank, 1, MPI_INT, world_ranks_.data(), 1, MPI_INT, node), "MPI_Allgather");
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
  computes();
  check_mpi(MPI_Barrier(node), "MPI_Barrier");
}

StatusBoard::~StatusBoard() { MPI_Win_free(&window_); }

const StatusBoard::Slot* StatusBoard::slot_of(int world_rank) const {
  const auto found = std::find(world_ranks_.begin(), world_ranks_.end(), world_rank);
  return found == world_ranks_.end() ? nullptr : slots_[static_cast<size_t>(found - world_ranks_.begin())];
}

void StatusBoard::waits(const Call& call, std::string_view group) {
  Slot& mine = *mine_;
  mine.op = call.op;
  mine.type = call.type;
  mine.count = call.count;
  mine.number = call.number;
  const size_t length = std::min(group.size(), sizeof mine.group - 1);
  std::memcpy(mine.group, group.data(), length);
  mine.group[length] = '\0';
  mine.since = now();
  mine.phase = Phase::waiting;
}

void StatusBoard::computes() {
  Slot& mine = *mine_;
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

std::string StatusBoard::describe(const std::vector<int>& ranks) const {
  std::string all;
  for (int rank : ranks) {
    all += text(all.empty() ? "" : "; ", "rank ", rank, " ");
    const Slot* other = slot_of(rank);
    if (other == nullptr) {
      all += "is on another node";
      continue;
    }
    const std::string last = text(to_string(Call{other->op, other->count, other->type, other->number}), " on ",
                                  other->number > 0 ? other->group : "no group");
    const std::string since = text(" for ", static_cast<int64_t>((now() - other->since) * 10) / 10.0, " s");
    switch (other->phase.load()) {
      case Phase::left: all += "has left the program"; break;
      case Phase::waiting: all += "waits in " + last + since; break;
      case Phase::computing:
        all += "is in no collective" + since + (other->number > 0 ? ", its last was " + last : "");
        break;
    }
  }
  return all;
}

}  // namespace shard
