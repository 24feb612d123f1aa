// Headers that a task excludes, because they declare what it asks to be written: exercises.cmake
// names them, after WITHOUT.
#pragma once
#include <string>
#include <vector>

namespace shard {

/// Those that the answer includes which has been loaded last; main.cpp empties it.
std::vector<std::string>& excluded_headers();

/// Made when an answer is loaded that includes `header`.
struct ExcludedHeader {
  explicit ExcludedHeader(const char* header) { excluded_headers().emplace_back(header); }
};

}  // namespace shard
