// Errors are sentences. Error: the run failed (exit status 1). UsageError: the input was bad (exit
// status 2).
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace shard {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct UsageError : Error {
  using Error::Error;
};

/// Joins its arguments into one string: text("heads ", 5, " / ", 2) is "heads 5 / 2". What cannot
/// be written to a stream has a to_string.
template <class... Parts>
[[gnu::cold]] std::string text(const Parts&... parts) {
  std::ostringstream stream;
  const auto write = [&stream](const auto& part) {
    if constexpr (requires { stream << part; }) {
      stream << part;
    } else {
      stream << to_string(part);
    }
  };
  (write(parts), ...);
  return stream.str();
}

/// Throws Error with the joined parts if `holds` is false: for preconditions of a function. The
/// text is made only then; what costs time to make, as to_string does, is not a part.
template <class... Parts>
void require(bool holds, const Parts&... parts) {
  if (!holds) throw Error(text(parts...));
}

/// Throws UsageError with the joined parts if `holds` is false: for the user's input.
template <class... Parts>
void require_usage(bool holds, const Parts&... parts) {
  if (!holds) throw UsageError(text(parts...));
}

}  // namespace shard
