#include "tests/exercises/meeting.h"

#include <algorithm>

namespace shard {

Meeting::Meeting(MpiSession& session, const MpiSettings& settings)
    : session_(session), settings_(settings), group_(session.world_group()) {}

bool Meeting::all_say(const std::string& mine) {
  MpiSettings shorter = settings_;
  shorter.timeout = std::min(patience, settings_.timeout);
  session_.configure(shorter);
  const bool all_are_here = group_->meet_at_end();
  session_.configure(settings_);
  if (!all_are_here) return false;
  const auto texts = group_->gather_text({.op = Collective::gather_text, .number = ++texts_}, mine);
  return std::ranges::all_of(texts, [&](const std::string& other) { return other == mine; });
}

}  // namespace shard
