// todo(): the placeholder in an exercise that is not written yet.
#pragma once
#include "common/base/error.h"

namespace shard {

struct NotWritten : Error {
  using Error::Error;
};

/// Ends the check with "not written yet": replace the call by your code.
[[noreturn]] inline void todo(const std::string& what) {
  throw NotWritten("not written yet: " + what);
}

}  // namespace shard
