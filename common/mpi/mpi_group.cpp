#include "common/mpi/mpi_group.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/clock.h"
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
  MPI_Request request;
  check_mpi(MPI_Comm_idup(comm_, &comm_of_turns_, &request), "MPI_Comm_idup");
  wait({.op = Collective::connect}, request);
}

MpiGroup::~MpiGroup() {
  // Freeing is collective: after an exception the others may not come, and the program ends anyway.
  if (std::uncaught_exceptions() > 0) return;
  MPI_Comm_free(&comm_of_turns_);
  MPI_Comm_free(&comm_);
}

std::unique_ptr<MpiGroup> MpiGroup::split(int color, const std::string& name) const {
  MPI_Comm part = MPI_COMM_NULL;
  const bool in_none = color == Communicator::no_group;
  check_mpi(MPI_Comm_split(comm_, in_none ? MPI_UNDEFINED : color, rank_, &part), "MPI_Comm_split");
  if (in_none) return nullptr;
  return std::make_unique<MpiGroup>(part, name, board_, settings_);
}

Call MpiGroup::in_world(Call call) const {
  if (is_message(call.op) && call.partner >= 0) call.partner = world_rank(call.partner);
  return call;
}

void MpiGroup::announce(const Call& call) {
  show_waiting(call);
  if (!settings_.check_collectives) return;
  compare(call);
  show_waiting(call);  // comparing has taken it off the board
}

void MpiGroup::compare(const Call& mine) const {
  std::vector<Call> calls(static_cast<size_t>(size_));
  MPI_Request request;
  check_mpi(MPI_Iallgather(&mine, sizeof mine, MPI_BYTE, calls.data(), sizeof mine, MPI_BYTE, comm_,
                           &request),
            "MPI_Iallgather");
  wait(mine, request);
  bool same = true, only_lengths_differ = mine.op == Collective::all_gather && !mine.uneven;
  std::string all;  // the same words on every rank
  for (size_t other = 0; other < calls.size(); ++other) {
    const Call& theirs = calls[other];
    const bool alike =
        theirs.op == mine.op && theirs.type == mine.type && theirs.number == mine.number;
    only_lengths_differ = only_lengths_differ && alike && !theirs.uneven;
    same = same && alike && (mine.uneven || theirs.count == mine.count);
    all += text(other == 0 ? "rank " : ", rank ", world_ranks_[other], ": ", theirs);
  }
  require(same, "the ranks of ", name_, " call different collectives: ", all,
          only_lengths_differ ? " (pieces of different lengths: `rows` must name them)" : "");
}

MpiGroup::Watch::Watch(const MpiGroup& group)
    : group_(group), start_(now()), last_look_(start_), left_since_(INFINITY) {}

void MpiGroup::Watch::look() {
  // seconds: a rank may do its part and leave before this one has seen the call completed
  constexpr double grace = 1;
  // seconds: who has not looked for longer was stopped, and has not waited meanwhile
  constexpr double pause = 1;
  if (const double stopped = now() - last_look_ - pause; stopped > 0)
    start_ += stopped, left_since_ += stopped;
  last_look_ = now();
  StatusBoard& board = group_.board_;
  if (const int died = board.first_that_died(); died >= 0) {
    constexpr double until_told = 3;  // seconds: another rank has the word, and then ends all
    for (const double start = now(); !board.may_tell() && now() - start < until_told;) usleep(1000);
    throw Unfinished(text("rank ", died, " has died: ", board.describe(group_.world_ranks_)));
  }
  const int left = board.first_that_left(group_.world_ranks_);
  if (left >= 0) left_since_ = std::min(left_since_, now());
  if (now() - left_since_ >= grace) {
    throw Unfinished(text("rank ", left, " has exited while other ranks of ", group_.name_,
                          " wait for it: ", board.describe(group_.world_ranks_)));
  }
  if (now() - start_ >= group_.settings_.timeout) {
    throw Unfinished(text("timed out after ", group_.settings_.timeout,
                          " s (--timeout): ", board.describe(group_.world_ranks_)));
  }
}

static std::vector<InBackground*>& background() {
  static std::vector<InBackground*> all;
  return all;
}

InBackground::InBackground() { background().push_back(this); }

InBackground::~InBackground() { stop_progress(); }

void InBackground::stop_progress() { std::erase(background(), this); }

static void progress_in_background() {
  for (InBackground* work : background()) work->progress();
}

void MpiGroup::wait(const Call& call, const std::function<bool()>& done) const {
  show_waiting(call);
  constexpr double patience = 0.05;  // seconds between two looks
  Watch watch(*this);
  double next_look = now() + patience;
  for (int64_t tries = 1; !done(); ++tries) {
    if (tries % 16 != 0) continue;
    progress_in_background();
    sched_yield();  // ranks may outnumber cores
    if (now() < next_look) continue;
    next_look = now() + patience;
    watch.look();
  }
  board_.computes();
}

bool MpiGroup::wait_at_end(const std::function<bool()>& done) const {
  for (const double start = now(); !done();) {
    if (now() - start > settings_.timeout) return false;
    progress_in_background();
    sched_yield();
  }
  return true;
}

/// By messages: an MPI collective would meet those in which the others may be.
bool MpiGroup::meet_at_end() const {
  constexpr int tag = 2;
  std::vector<MPI_Request> requests;
  for (int other = 0; other < size_; ++other) {
    check_mpi(MPI_Irecv(nullptr, 0, MPI_BYTE, other, tag, comm_, &requests.emplace_back()),
              "MPI_Irecv");
    check_mpi(MPI_Isend(nullptr, 0, MPI_BYTE, other, tag, comm_, &requests.emplace_back()),
              "MPI_Isend");
  }
  return wait_at_end([&] {
    return std::all_of(requests.begin(), requests.end(),
                       [](MPI_Request& request) { return is_done(request); });
  });
}

namespace {

struct BarrierWork : Work {
  const MpiGroup& group;
  Call call;
  MPI_Request request = MPI_REQUEST_NULL;
  BarrierWork(const MpiGroup& of, const Call& the_call) : group(of), call(the_call) {
    check_mpi(MPI_Ibarrier(group.comm(), &request), "MPI_Ibarrier");
  }
  void wait() override {
    group.wait(call, [this] { return is_done(request); });
  }
  bool poll() override { return is_done(request); }
};

}  // namespace

std::unique_ptr<Work> MpiGroup::start_barrier(const Call& call) {
  return std::make_unique<BarrierWork>(*this, call);
}

void MpiGroup::wait(const Call& call, MPI_Request& request) const {
  wait(call, [&] { return is_done(request); });
}

std::vector<std::string> MpiGroup::gather_text(const Call& call, const std::string& text) const {
  const int length = static_cast<int>(text.size());
  std::vector<int> lengths(static_cast<size_t>(size_)), offsets(lengths.size());
  MPI_Request request;
  check_mpi(MPI_Iallgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, comm_, &request),
            "MPI_Iallgather");
  wait(call, request);
  std::exclusive_scan(lengths.begin(), lengths.end(), offsets.begin(), 0);
  std::string all(static_cast<size_t>(offsets.back() + lengths.back()), '\0');
  check_mpi(MPI_Iallgatherv(text.data(), length, MPI_CHAR, all.data(), lengths.data(),
                            offsets.data(), MPI_CHAR, comm_, &request),
            "MPI_Iallgatherv");
  wait(call, request);
  std::vector<std::string> texts;
  for (size_t i = 0; i < lengths.size(); ++i) texts.push_back(all.substr(offsets[i], lengths[i]));
  return texts;
}

}  // namespace shard
