// The command that started this run, in a form that can be shown and repeated.
#pragma once
#include <string>
#include <vector>

namespace shard {

/// The words as a shell command: those with other characters than letters, digits and a few signs
/// are quoted.
std::string quoted(const std::vector<std::string>& words);

/// The part of the command before the program's own arguments: "./learn run 10 --ranks 4 --" if
/// SHARD_STARTED_BY says so; else mpirun, its options and the program; or only the program. `ranks`
/// is the number of ranks.
std::string command_before_arguments(int ranks);

}  // namespace shard
