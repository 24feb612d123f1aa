#include "common/mpi/turn_work.h"

#include <algorithm>

namespace shard {

TurnWork::TurnWork(MpiGroup& group, Backend& backend, const Call& call, Turns& turns)
    : HostWork(group, backend, call), turns_(turns) {
  turns_.push_back(this);
}

bool TurnWork::has_turn() {
  while (std::ranges::find(turns_, this) != turns_.end() && turns_.front() != this) {
    TurnWork* const first = turns_.front();
    first->poll();
    if (turns_.front() == first) return false;
  }
  return true;
}

void TurnWork::progress() {
  if (!turns_.empty() && turns_.front() == this) poll();
}

void TurnWork::abandon() {
  stop_progress();
  end_turn();
}

}  // namespace shard
