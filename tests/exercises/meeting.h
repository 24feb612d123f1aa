// Meeting: whether the ranks can go on together after an exception.
#pragma once
#include "common/mpi/mpi_group.h"

namespace shard {

class Meeting {
 public:
  /// `settings` are those of the session. The session must outlive it. Collective.
  Meeting(MpiSession& session, const MpiSettings& settings);

  /// Whether all ranks come here within `patience` seconds and say the same. If not, others may be
  /// waiting in a collective, and the program must end.
  bool all_say(const std::string& mine);

 private:
  static constexpr double patience = 2;  // less than others wait before they report a deadlock

  MpiSession& session_;
  MpiSettings settings_;
  std::unique_ptr<MpiGroup> group_;  // its own: the exception may have left calls in another
  int64_t texts_ = 0;
};

}  // namespace shard
