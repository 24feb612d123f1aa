// todo(): what stands in an exercise until you have written it.
#pragma once
#include "common/base/error.h"

namespace shard {

struct NotWritten : Error {
  using Error::Error;
};

/// Ends the check with "not written yet": replace the call by your lines.
[[noreturn]] inline void todo(const std::string& what) {
  throw NotWritten("not written yet: " + what);
}

}  // namespace shard
