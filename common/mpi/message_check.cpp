#include "common/mpi/message_check.h"

#include <deque>

#include "common/mpi/check.h"

namespace shard {
namespace {

constexpr int first_tag = 16;      // those before are MpiGroup's
constexpr int64_t numbers = 8192;  // MPI has tags to 32767 at least

int tag_of_told_call(const Call& call) { return tag_of_message(call) + 1; }

/// A call that its receiver may not have read yet.
struct Sent {
  Call call;
  MPI_Request request = MPI_REQUEST_NULL;
};

std::deque<std::unique_ptr<Sent>>& all_sent() {
  static auto& all = *new std::deque<std::unique_ptr<Sent>>;  // MPI may read them until it ends
  return all;
}

void tell(const MpiGroup& group, const Call& call) {
  auto& sent = all_sent();
  while (!sent.empty() && is_done(sent.front()->request)) sent.pop_front();
  Sent& now = *sent.emplace_back(std::make_unique<Sent>(Sent{.call = call}));
  check_mpi(MPI_Isend(&now.call, sizeof now.call, MPI_BYTE, call.partner, tag_of_told_call(call),
                      group.comm(), &now.request),
            "MPI_Isend");
}

}  // namespace

int tag_of_message(const Call& call) {
  return first_tag + 2 * static_cast<int>(call.number % numbers);
}

int tag_of_exchange(const Call& call) {
  return first_tag + 2 * static_cast<int>(numbers) + static_cast<int>(call.number % numbers);
}

CheckedMessages::CheckedMessages(MpiGroup& group, std::span<const Call> calls,
                                 std::unique_ptr<Work> work)
    : group_(group), work_(std::move(work)) {
  for (const Call& call : calls) {
    if (call.op == Collective::send) {
      tell(group, call);
      continue;
    }
    Told& told =
        *expected_.emplace_back(std::make_unique<Told>(Told{.mine = call, .theirs = call}));
    check_mpi(MPI_Irecv(&told.theirs, sizeof told.theirs, MPI_BYTE, call.partner,
                        tag_of_told_call(call), group.comm(), &told.request),
              "MPI_Irecv");
  }
}

CheckedMessages::~CheckedMessages() {
  for (auto& told : expected_)  // after an error MPI may still write to it
    if (told->request != MPI_REQUEST_NULL) static_cast<void>(told.release());
}

bool CheckedMessages::poll() {
  bool all = work_->poll();
  for (const auto& told : expected_) all = is_done(told->request) && all;
  return all;
}

void CheckedMessages::wait() {
  for (const auto& told : expected_) {
    const Call &mine = told->mine, &theirs = told->theirs;
    group_.wait(mine, [&] { return is_done(told->request); });
    const bool same = theirs.count == mine.count && theirs.type == mine.type &&
                      theirs.number == mine.number && theirs.label == mine.label;
    if (same) continue;
    throw Unfinished(text("two ranks of ", group_.name(), " disagree about a message: rank ",
                          group_.world_rank(mine.partner), ": ", group_.in_world(theirs), ", rank ",
                          group_.world_rank(group_.rank()), ": ", group_.in_world(mine)));
  }
  work_->wait();
}

}  // namespace shard
