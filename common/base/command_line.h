// The command that started this run, to be shown and started again.
#pragma once
#include <string>
#include <vector>

namespace shard {

/// The words as a shell reads them back: those that are more than letters, digits and a few signs
/// in quotes.
std::string quoted(const std::vector<std::string>& words);

/// What stands before the program's own arguments: "./learn run 10 --ranks 4 --", where
/// SHARD_STARTED_BY says so, else mpirun, its options and the program, or only that. `ranks` is how
/// many there are.
std::string command_before_arguments(int ranks);

}  // namespace shard
