#include "common/mpi/mpi_group.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/clock.h"
#include "common/mpi/check.h"

namespace shard {

MpiGroup::MpiGroup(MPI_Comm comm, std::string name, StatusBoard& board, const MpiSettings& settings)
    : comm_(comm), name_(std::move(name)), board_(board), settings_(settings) {
  check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
  std::vector<int> ranks(static_cast<size_t>(size_));
  std::iota(ranks.begin(), ranks.end(), 0);
  world_ranks_.resize(ranks.size());
  MPI_Group here, world;
  check_mpi(MPI_Comm_group(comm_, &here), "MPI_Comm_group");
  check_mpi(MPI_Comm_group(MPI_COMM_WORLD, &world), "MPI_Comm_group");
  check_mpi(MPI_Group_translate_ranks(here, size_, ranks.data(), world, world_ranks_.data()),
            "MPI_Group_translate_ranks");
  MPI_Group_free(&here);
  MPI_Group_free(&world);
}

MpiGroup::~MpiGroup() {
  // Freeing is collective: after an exception the others may not come, and the program ends anyway.
  if (std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
}

MPI_Comm MpiGroup::split(int color) const {
  MPI_Comm part = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(comm_, color, rank_, &part), "MPI_Comm_split");
  return part;
}

void MpiGroup::announce(const Call& call) {
  board_.waits(call, name_);
  if (!settings_.check_collectives) return;
  compare(call);
  board_.waits(call, name_);  // comparing has taken it off the board
}

void MpiGroup::compare(const Call& mine) const {
  std::vector<Call> calls(static_cast<size_t>(size_));
  MPI_Request request;
  check_mpi(MPI_Iallgather(&mine, sizeof mine, MPI_BYTE, calls.data(), sizeof mine, MPI_BYTE, comm_, &request),
            "MPI_Iallgather");
  wait(request);
  bool same = true;
  std::string all;  // the same words on every rank
  for (size_t other = 0; other < calls.size(); ++other) {
    const Call& theirs = calls[other];
    same = same && theirs.op == mine.op && theirs.type == mine.type && theirs.number == mine.number &&
           (mine.uneven || theirs.count == mine.count);
    all += text(other == 0 ? "rank " : ", rank ", world_ranks_[other], ": ", to_string(theirs));
  }
  require(same, "the ranks of ", name_, " call different collectives: ", all);
}

void MpiGroup::wait(const std::function<bool()>& done) const {
  constexpr double patience = 0.05;  // seconds before the board is asked whether somebody has left
  constexpr double grace = 1;  // seconds: a rank may do its part and leave before this one has seen the call completed
  const double start = now();
  double next_look = start + patience, left_since = INFINITY;
  for (int64_t tries = 1; !done(); ++tries) {
    if (tries % 16 != 0) continue;
    sched_yield();  // ranks may outnumber cores
    if (now() < next_look) continue;
    next_look = now() + patience;
    const int left = board_.first_that_left(world_ranks_);
    if (left >= 0) left_since = std::min(left_since, now());
    require(now() - left_since < grace, "rank ", left, " left while others of ", name_,
            " wait for it: ", board_.describe(world_ranks_));
    require(now() - start < settings_.timeout, "gave up after ", settings_.timeout,
            " s (--timeout): ", board_.describe(world_ranks_));
  }
  board_.computes();
}

void MpiGroup::wait(MPI_Request& request) const {
  wait([&] {
    int done = 0;
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  });
}

std::vector<std::string> MpiGroup::gather_text(const std::string& text) const {
  const int length = static_cast<int>(text.size());
  std::vector<int> lengths(static_cast<size_t>(size_)), offsets(lengths.size());
  MPI_Request request;
  check_mpi(MPI_Iallgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, comm_, &request), "MPI_Iallgather");
  wait(request);
  std::exclusive_scan(lengths.begin(), lengths.end(), offsets.begin(), 0);
  std::string all(static_cast<size_t>(offsets.back() + lengths.back()), '\0');
  check_mpi(MPI_Iallgatherv(text.data(), length, MPI_CHAR, all.data(), lengths.data(), offsets.data(), MPI_CHAR, comm_,
                            &request),
            "MPI_Iallgatherv");
  wait(request);
  std::vector<std::string> texts;
  for (size_t i = 0; i < lengths.size(); ++i) texts.push_back(all.substr(offsets[i], lengths[i]));
  return texts;
}

}  // namespace shard
