#include "common/base/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/base/error.h"
#include "common/base/process.h"

namespace shard {

std::string quoted(const std::vector<std::string>& words) {
  constexpr const char* plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=:,./@%";
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += " ";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      out += word;
      continue;
    }
    out += "'";
    for (const char letter : word) letter == '\'' ? out += "'\\''" : out += letter;
    out += "'";
  }
  return out;
}

/// The command line of a process; empty if the system does not provide it.
static std::vector<std::string> words_of(const std::string& process) {
  std::ifstream in("/proc/" + process + "/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  return words;
}

std::string command_before_arguments(int ranks) {
  if (const char* start = std::getenv("SHARD_STARTED_BY"); start != nullptr) return start;
  const std::vector<std::string> mine = words_of("self");
  require(!mine.empty(), "/proc does not say how this program was started");
  const std::string& program = mine.front();
  const std::string number = std::to_string(ranks);
  if (!is_under_mpirun())
    return quoted(ranks == 1 ? std::vector{program}
                             : std::vector<std::string>{"srun", "-n", number, program});
  std::vector<std::string> words = words_of(std::to_string(getppid()));
  const auto same = [&](const std::string& word) {
    return std::filesystem::path(word).filename() == std::filesystem::path(program).filename();
  };
  const auto found = std::find_if(words.begin(), words.end(), same);
  // Not found, for example, in the command of mpirun's daemon on another host.
  if (found == words.end()) return quoted({"mpirun", "-n", number, program});
  words.erase(found + 1, words.end());
  const std::filesystem::path launcher = words.front();
  // The mpirun of Open MPI 5 executes prterun.
  if (launcher.filename() == "prterun") words.front() = launcher.parent_path() / "mpirun";
  return quoted(words);
}

}  // namespace shard
